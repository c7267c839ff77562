//! `Options`: what is run, how much of it, and from which seed on.

use std::thread::available_parallelism;

/// What is printed when the arguments are not understood.
pub(crate) const USAGE: &str = "torture crash|meanwhile|recovery|races|model|kill [--count <n>] \
[--seed <first>] [--seeds <n>] [--seconds <n>] [--threads <n>] [--folder <where processes are killed>]";

/// The runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    Crash,
    Meanwhile,
    Recovery,
    Races,
    Model,
    Kill,
}

/// When a run ends: at whichever of its limits it reaches first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) run: Run,
    /// Cases after which no further seed is begun.
    pub(crate) count_min: u64,
    pub(crate) first_seed: u64,
    /// Seeds at most.
    pub(crate) seeds_max: u64,
    /// Seconds after which no further seed is begun.
    pub(crate) seconds_max: u64,
    pub(crate) threads: u64,
    /// Where the folders are in which processes are killed.
    pub(crate) folder: String,
}

impl Run {
    const ALL: [(&str, Self); 6] = [
        ("crash", Self::Crash),
        ("meanwhile", Self::Meanwhile),
        ("recovery", Self::Recovery),
        ("races", Self::Races),
        ("model", Self::Model),
        ("kill", Self::Kill),
    ];

    /// What it is asked for by.
    pub(crate) fn name(self) -> &'static str {
        let of_it = Self::ALL.iter().find(|(_, run)| *run == self);
        of_it.expect("all are listed").0
    }
}

impl Options {
    /// Reads the arguments; the error says which of them is not understood.
    pub(crate) fn read(arguments: &[String]) -> Result<Self, String> {
        let (run, rest) = arguments.split_first().ok_or("no run is named")?;
        let found = Run::ALL.iter().find(|(name, _)| name == run);
        let (_, run) = found.ok_or_else(|| format!("'{run}' is no run"))?;
        let mut options = Self {
            run: *run,
            count_min: u64::MAX,
            first_seed: 1_000,
            seeds_max: u64::MAX,
            seconds_max: u64::MAX,
            threads: available_parallelism().map_or(1, |count| count.get() as u64),
            folder: ".".to_owned(),
        };
        for pair in rest.chunks(2) {
            let [option, number] = pair else {
                return Err(format!("'{}' has no value", pair[0]));
            };
            if option == "--folder" {
                options.folder.clone_from(number);
                continue;
            }
            let number = number
                .parse()
                .map_err(|_| format!("'{number}' is no number"))?;
            match option.as_str() {
                "--count" => options.count_min = number,
                "--seed" => options.first_seed = number,
                "--seeds" => options.seeds_max = number,
                "--seconds" => options.seconds_max = number,
                "--threads" => options.threads = number,
                other => return Err(format!("'{other}' is no option")),
            }
        }
        Ok(options)
    }
}
