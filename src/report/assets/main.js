// The assembly of the page.

/** Builds a part of the page; a defect in one leaves the others intact. */
function build(part) {
  try {
    return part();
  } catch (error) {
    console.error(error);
    return el('p', { class: 'notice' }, `A part of this page could not be drawn: ${error.message}`);
  }
}

applyTheme();
document.getElementById('report').append(...[
  overview, runsSection, halvingSection, curvesSection, sweepSection, listenSection, unitsSection, musicSection, timingSection,
  provenanceSection, definitionsSection,
].map(build).filter(Boolean));

const links = new Map(sections.map(([id, title]) => [id, el('a', { href: `#${id}` }, title)]));
document.getElementById('nav').append(...links.values());
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    links.forEach((link, id) => link.toggleAttribute('aria-current', id === target.id));
    const nav = document.getElementById('nav');
    const link = links.get(target.id);
    nav.scrollTo({ left: link.offsetLeft - nav.clientWidth / 2 + link.clientWidth / 2 });
  }
}, { rootMargin: '-20% 0px -70% 0px' });
document.querySelectorAll('section[id]').forEach((own) => watcher.observe(own));
document.getElementById('foot').append(
  el('p', {}, `chordbench ${report.provenance.made_by[0]} · `, el('code', {}, report.provenance.made_by[1]), ' · numbers as in summary.csv, rounded to six digits'));

// The parts that a test uses.
window.chordbenchReport = { player, renderOffline, piecesOf, runs, report };
