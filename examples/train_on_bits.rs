//! Trains an RBM on a matrix of bits, one example a row, and draws samples of it.
//!
//! The examples are the 8 pictures of 3 × 3 pixels whose rows are all on or all off. A model that gave each the
//! probability 1/8 would have the log-likelihood −ln 8 = −2.08.

use chordbench::engine::BitMatrix;
use chordbench::evaluate::reconstruction_error;
use chordbench::model::likelihood::NamedWindows;
use chordbench::model::{ModelOptions, Trainer, sample};
use chordbench::train::{Method, TrainOptions, TrainingSet};

fn main() {
    let data = BitMatrix::from_fn(8, 9, |picture, pixel| picture >> (pixel / 3) & 1 == 1);
    let rows: Vec<usize> = (0..data.rows()).collect();

    let (seed, epochs) = (1, 5000);
    let model = ModelOptions { hidden: 6, ..ModelOptions::default() };
    let options = TrainOptions { method: Method::Pcd, chains: 100, learning_rate: 0.05, ..TrainOptions::default() };
    let mut trainer = Trainer::new(TrainingSet::of_rows(&data), &model, &options, seed);
    for epoch in 1..=epochs {
        trainer.train_epoch(epoch - 1);
        if epoch % 1000 == 0 {
            let error =
                reconstruction_error(trainer.model_mut(), &NamedWindows::of_rows(&data, &rows), 1, (seed, epoch, 0));
            let density = trainer.model().density().expect("an RBM has a density");
            let log_likelihood = density.exact_log_likelihood(&data).ok().flatten();
            let (error, log_likelihood) = error.zip(log_likelihood).expect("6 hidden units are enumerated");
            println!("epoch {epoch}: reconstruction error {error:.3}, log-likelihood {log_likelihood:.3} nats");
        }
    }

    let samples = sample(trainer.model_mut().sampler(), 5, 1000, seed);
    for picture in 0..samples.rows() {
        let pixels: String = (0..9).map(|pixel| if samples.get(picture, pixel) { '#' } else { '.' }).collect();
        println!("{} {} {}", &pixels[..3], &pixels[3..6], &pixels[6..]);
    }
}
