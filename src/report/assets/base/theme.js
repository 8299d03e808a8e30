// The theme, light or dark: the system's choice until the reader makes one, which this browser then remembers.

const themeButton = document.getElementById('theme');
const redraws = new Set();
const systemDark = matchMedia('(prefers-color-scheme: dark)');
const remembered = () => { try { return localStorage.getItem('chordbench-theme'); } catch { return null; } };
const isDark = () => (document.documentElement.dataset.theme ?? (systemDark.matches ? 'dark' : 'light')) === 'dark';

/** Calls `redraw` whenever the colours change. */
const onThemeChange = (redraw) => redraws.add(redraw);

function applyTheme() {
  computed = new Map();
  themeButton.replaceChildren(icon(isDark() ? ICONS.sun : ICONS.moon));
  themeButton.setAttribute('aria-label', isDark() ? 'Switch to the light theme' : 'Switch to the dark theme');
  themeButton.title = themeButton.getAttribute('aria-label');
  redraws.forEach((redraw) => redraw());
}

if (['light', 'dark'].includes(remembered())) document.documentElement.dataset.theme = remembered();
themeButton.addEventListener('click', () => {
  document.documentElement.dataset.theme = isDark() ? 'light' : 'dark';
  try { localStorage.setItem('chordbench-theme', document.documentElement.dataset.theme); } catch { /* The choice is lost with the page. */ }
  applyTheme();
});
systemDark.addEventListener('change', applyTheme);
