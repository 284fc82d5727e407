//! The figures of one side of a comparison, one for each round.
//!
//! A machine that is busy with something else spoils a round. Such a round is repeated and counted.

use anyhow::Result;

/// The figures of the rounds so far.
#[derive(Clone, Default)]
pub(crate) struct Figures {
    figures: Vec<f64>,
    spoiled: usize,
}

impl Figures {
    /// Makes a round, again if it returns `None` because the machine spoiled it. Gives up after
    /// [`MAX_SPOILED`] rounds, so that a benchmark ends on any machine.
    pub(crate) async fn round(
        &mut self,
        mut measure: impl AsyncFnMut() -> Result<Option<f64>>,
    ) -> Result<()> {
        while self.spoiled < MAX_SPOILED {
            if let Some(figure) = measure().await? {
                self.figures.push(figure);
                break;
            }
            self.spoiled += 1;
        }
        Ok(())
    }

    pub(crate) fn push(&mut self, figure: f64) {
        self.figures.push(figure);
    }

    /// Whether there is no figure, because no round was made or all were spoiled.
    pub(crate) fn is_empty(&self) -> bool {
        self.figures.is_empty()
    }

    /// The median, or `None` without figures.
    pub(crate) fn median(&self) -> Option<f64> {
        let mut figures = self.figures.clone();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied()
    }

    /// Half the distance between the smallest and the largest figure, as a share of the median.
    pub(crate) fn spread(&self) -> f64 {
        let figures = || self.figures.iter().copied();
        let (Some(least), Some(most), Some(median)) = (
            figures().reduce(f64::min),
            figures().reduce(f64::max),
            self.median(),
        ) else {
            return 0.0;
        };
        (most - least) / 2.0 / median
    }

    /// The number of rounds that were repeated.
    pub(crate) fn spoiled(&self) -> usize {
        self.spoiled
    }
}

impl From<f64> for Figures {
    fn from(figure: f64) -> Self {
        Self::from_iter([figure])
    }
}

impl FromIterator<f64> for Figures {
    fn from_iter<T: IntoIterator<Item = f64>>(figures: T) -> Self {
        Self {
            figures: figures.into_iter().collect(),
            spoiled: 0,
        }
    }
}

/// The number of spoiled rounds after which a benchmark makes do with the figures that it has.
const MAX_SPOILED: usize = 10;
