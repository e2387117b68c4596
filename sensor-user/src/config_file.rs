//! The configuration file: its keys are the options of `sensor run`, and its values become their defaults. So the precedence
//! is flags > environment > file, and one definition of an option checks and documents all three.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::{Arg, CommandFactory, FromArgMatches, builder::Resettable, error::ErrorKind};

use crate::cli::{Cli, Run};

/// Where a file is looked for when none is named.
const USUAL: &str = "/etc/scriptwatch/sensor.toml";
/// Options that make no sense in the file.
const NOT_IN_FILE: [&str; 3] = ["config", "help", "version"];

/// Why the configuration cannot be used. Each message names the place, the key and what is allowed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The command line or the environment makes no sense, or asks for help.
    #[error(transparent)]
    CommandLine(#[from] clap::Error),
    /// It cannot be read.
    #[error("configuration {0}: {1}")]
    Read(PathBuf, std::io::Error),
    /// It is not TOML.
    #[error("configuration {0}: {1}")]
    Form(PathBuf, Box<toml::de::Error>),
    /// A key or value makes no sense.
    #[error("configuration {path}: {key}: {what}")]
    Key {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What is wrong, and what is allowed.
        what: String,
    },
}

/// Reads the command line, the environment and the configuration file. Never ends the process: SIGHUP reads them again.
pub(crate) fn parse(arguments: &[OsString]) -> Result<Cli, ConfigError> {
    let mut command = Cli::command();
    if let Some(path) = named_file(arguments) {
        let defaults = read(&path)?;
        for subcommand in ["run", "config"] {
            command = command.mut_subcommand(subcommand, |run| {
                if subcommand == "run" {
                    with_defaults(run, &defaults)
                } else {
                    run.mut_subcommand("check", |check| with_defaults(check, &defaults))
                }
            });
        }
    }
    let matches = command.try_get_matches_from(arguments)?;
    Ok(Cli::from_arg_matches(&matches)?)
}

/// The file that a run was told of, or the usual one.
pub(crate) fn path_of(run: &Run) -> Option<PathBuf> {
    run.config.clone().or_else(|| Path::new(USUAL).exists().then(|| USUAL.into()))
}

/// The file that the command line or the environment names, before anything else is known.
fn named_file(arguments: &[OsString]) -> Option<PathBuf> {
    let matches = Cli::command().ignore_errors(true).try_get_matches_from(arguments).ok()?;
    let run = match matches.subcommand()? {
        ("run", run) => run,
        ("config", config) => config.subcommand_matches("check")?,
        _ => return None,
    };
    let named = run.try_get_one::<PathBuf>("config").ok().flatten().cloned();
    named.or_else(|| Path::new(USUAL).exists().then(|| USUAL.into()))
}

/// The options by themselves: a value of the file is checked without what the environment says of others.
fn run_command() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    let run = command.find_subcommand("run").cloned().unwrap_or_default();
    run.mut_args(|arg| arg.env(Resettable::Reset))
}

fn key_of(arg: &Arg) -> Option<String> {
    let long = arg.get_long()?;
    (!NOT_IN_FILE.contains(&long)).then(|| long.replace('-', "_"))
}

/// Values of an option, by its id.
type Default = (String, Vec<String>);

/// The file's values, checked.
fn read(path: &Path) -> Result<Vec<Default>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|e| ConfigError::Read(path.to_owned(), e))?;
    let table: toml::Table =
        toml::from_str(&text).map_err(|e| ConfigError::Form(path.to_owned(), Box::new(e)))?;
    let run = run_command();
    table
        .into_iter()
        .map(|(key, value)| {
            let wrong = |what: String| ConfigError::Key { path: path.to_owned(), key: key.clone(), what };
            let Some(arg) = run.get_arguments().find(|arg| key_of(arg).as_ref() == Some(&key)) else {
                let mut keys: Vec<String> = run.get_arguments().filter_map(key_of).collect();
                keys.sort();
                return Err(wrong(format!("unknown key; known are {}", keys.join(", "))));
            };
            let values = match value {
                toml::Value::Array(values) if is_list(arg) => {
                    values.into_iter().map(plain).collect::<Result<Vec<_>, _>>()
                }
                value => plain(value).map(|value| vec![value]),
            };
            let values = values.map_err(wrong)?;
            for value in &values {
                check(&run, arg, value).map_err(wrong)?;
            }
            Ok((arg.get_id().to_string(), values))
        })
        .collect()
}

/// Takes an option more than one value?
fn is_list(arg: &Arg) -> bool {
    matches!(arg.get_action(), clap::ArgAction::Append) || arg.get_value_delimiter().is_some()
}

/// A value as it would stand on the command line.
fn plain(value: toml::Value) -> Result<String, String> {
    match value {
        toml::Value::String(text) => Ok(text),
        toml::Value::Integer(n) => Ok(n.to_string()),
        toml::Value::Float(n) => Ok(n.to_string()),
        toml::Value::Boolean(b) => Ok(b.to_string()),
        other => Err(format!("a string or a number is expected, not {}", other.type_str())),
    }
}

/// What the option itself would say of a value.
fn check(run: &clap::Command, arg: &Arg, value: &str) -> Result<(), String> {
    let flag = format!("--{}={value}", arg.get_long().unwrap_or_default());
    match run.clone().try_get_matches_from(["run".to_owned(), flag]) {
        Err(e) if matches!(e.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) => {
            // "error: invalid value 'x' for '--key <KEY>': why", then how to get help.
            let text = e.to_string();
            let lines: Vec<&str> =
                text.lines().take_while(|l| !l.starts_with("For more")).map(str::trim).collect();
            let text = lines.iter().filter(|l| !l.is_empty()).copied().collect::<Vec<_>>().join(" ");
            Err(text.trim_start_matches("error: ").to_owned())
        }
        // The value is good, whatever else the command may need.
        _ => Ok(()),
    }
}

fn with_defaults(command: clap::Command, defaults: &[Default]) -> clap::Command {
    defaults
        .iter()
        .fold(command, |command, (id, values)| command.mut_arg(id, |arg| arg.default_values(values.clone())))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::cli::Command;

    fn run(file: &str, arguments: &[&str]) -> Result<Box<Run>, String> {
        let mut config = tempfile::NamedTempFile::new().unwrap();
        config.write_all(file.as_bytes()).unwrap();
        let path = config.path().to_str().unwrap();
        let all = ["sensor", "run", "--config", path].into_iter().chain(arguments.iter().copied());
        let all: Vec<OsString> = all.map(Into::into).collect();
        match parse(&all).map_err(|e| e.to_string().replace(path, "FILE"))?.command {
            Command::Run(run) => Ok(run),
            _ => Err("another command".to_owned()),
        }
    }

    #[test]
    fn flags_go_before_the_file_and_the_file_before_defaults() {
        let file = "ring_mib = 32\noperating_point = \"strict\"\nthreshold = 0.5\n";
        let told = run(file, &["--ring-mib", "64"]).unwrap();
        assert_eq!(told.ring_mib, 64);
        assert_eq!(told.scoring.threshold, Some(0.5));
        assert_eq!(told.max_shells, ebpf::limit::SHELLS_MAX);
    }

    #[test]
    fn a_list_is_an_array_or_separated_by_commas() {
        for file in
            ["collector = [\"https://a\", \"http://b:1\"]\n", "collector = \"https://a,http://b:1\"\n"]
        {
            assert_eq!(run(file, &[]).unwrap().collector, ["https://a", "http://b:1"]);
        }
        let flag = run("collector = [\"https://a\"]\n", &["--collector", "https://c"]).unwrap();
        assert_eq!(flag.collector, ["https://c"]);
    }

    #[test]
    fn a_bad_command_line_is_an_error_and_not_the_end() {
        assert!(run("", &["--ring-mib", "33"]).err().unwrap().contains("power of two"));
    }

    #[test]
    fn mistakes_name_the_file_the_key_and_what_is_allowed() {
        for (file, says) in [
            (
                "ring_mb = 32\n",
                "configuration FILE: ring_mb: unknown key; known are ack_timeout, admin_listen, bpf_object",
            ),
            ("ring_mib = 33\n", "configuration FILE: ring_mib: invalid value '33'"),
            ("ring_mib = 33\n", "a power of two up to 1024 is expected"),
            ("operating_point = \"lax\"\n", "[possible values: strict, balanced, sensitive]"),
            ("threshold = 7\n", "a number from 0 to 1 is expected"),
            ("project = [\"a\"]\n", "a string or a number is expected, not array"),
            ("collector = [[\"a\"]]\n", "a string or a number is expected, not array"),
            ("collector = [\"https://a\", \"b\"]\n", "invalid value 'b'"),
            ("project = \n", "configuration FILE: TOML parse error"),
            ("config = \"/x\"\n", "unknown key"),
        ] {
            let message = run(file, &[]).err().unwrap_or_default();
            assert!(message.contains(says), "{message:?} does not say {says:?}");
        }
    }
}
