//! From the command line to what the rooms are told.

use std::{io::IsTerminal, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{bail, ensure};
use command::{
    eval::Contestant,
    filter::Filter,
    replay::{Bench, Judges, Show},
};
use daemon::{Config, Reloadable};
use delivery::{Endpoints, SpoolLimits, Tls};
use detection::Sensitivity;
use finding::Redaction;
use identity::{Cloud, Node};
use response::{Mode, Responder, Rules};
use script::Limits;
use suppression::Suppressions;
use verdict::{Judge, ModelError};

use crate::{
    assets,
    cli::{self, Format, Metadata, Respond, Run, RuntimeSocket, Scoring, Switch, VerdictName},
};

/// A judge for a model, or for the default one.
fn judge_with(scoring: &Scoring, model: Option<PathBuf>) -> Result<Judge, ModelError> {
    let assets = assets::find(None, model, scoring.onnxruntime.clone());
    let judge = Judge::load(&assets.onnxruntime, &assets.model, scoring.operating_point, scoring.threshold)?;
    Ok(judge.patient())
}

/// The judge that the command line asks for.
pub(crate) fn judge(scoring: &Scoring) -> Result<Judge, ModelError> {
    judge_with(scoring, scoring.model.clone())
}

/// One for each thread.
pub(crate) fn several<T, E>(jobs: Option<u16>, mut make: impl FnMut() -> Result<T, E>) -> Result<Vec<T>, E> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    (0..jobs.map_or_else(cores, usize::from)).map(|_| make()).collect()
}

/// A model to be measured.
pub(crate) fn contestant(scoring: &Scoring, model: Option<PathBuf>) -> Result<Contestant, ModelError> {
    let path = assets::find(None, model, None).model;
    let judges = several(None, || judge_with(scoring, Some(path.clone())))?;
    Ok(Contestant { path, judges })
}

/// What a replay works with.
pub(crate) struct Replay {
    pub(crate) node: Node,
    pub(crate) bench: Bench,
    pub(crate) suppressions: Suppressions,
    pub(crate) filter: Filter,
    pub(crate) show: Show,
    pub(crate) files: Vec<PathBuf>,
}

/// What a replay is told.
pub(crate) fn replay(args: cli::Replay) -> anyhow::Result<Replay> {
    let scoring = &args.files.scoring;
    let workers = several(args.jobs, || {
        let other = args.compare_model.clone().map(|model| judge_with(scoring, Some(model))).transpose()?;
        Ok::<_, ModelError>(Judges { judge: judge(scoring)?, other })
    })?;
    Ok(Replay {
        node: Node::of_this_machine(None, "scriptwatch", "global", Cloud::default())?,
        bench: Bench { workers, together: judge(scoring)? },
        suppressions: suppressions(args.suppressions.as_deref())?,
        filter: Filter {
            malicious: args.verdict.map(|v| v == VerdictName::Malicious),
            only_changed: args.only_changed,
            origins: args.origin,
            min_score: args.min_score,
            technique: args.technique,
            sha256: args.sha256,
            path: args.path,
            pod: args.pod,
            image: args.image,
            written_by: args.written_by,
            contains: args.contains,
        },
        show: Show {
            json: args.files.format == Format::Json,
            explain: args.explain,
            html: args.html,
            colour: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        },
        files: args.files.paths,
    })
}

fn suppressions(file: Option<&std::path::Path>) -> anyhow::Result<Suppressions> {
    Ok(file.map(Suppressions::load).transpose()?.unwrap_or_default())
}

/// What SIGHUP may change.
pub(crate) fn reloadable(run: &Run) -> anyhow::Result<Reloadable> {
    let suppressions = Arc::new(suppressions(run.suppressions.as_deref())?);
    let sensitivity = Sensitivity { point: run.scoring.operating_point, threshold: run.scoring.threshold };
    let mode = match run.respond {
        Respond::Off => Mode::Off,
        Respond::Audit => Mode::Audit,
        Respond::Kill => Mode::Kill,
        Respond::Hold => Mode::Hold,
    };
    // Switching off must not fail for a file that is not needed then.
    let file = run.response_rules.as_deref().filter(|_| mode != Mode::Off);
    let rules = file.map(Rules::load).transpose()?;
    let responder = Arc::new(Responder::new(mode, rules.unwrap_or_else(Rules::all_containers)));
    Ok(Reloadable { sensitivity, suppressions, responder })
}

/// A sensor that is to kill and may not would only pretend to.
pub(crate) fn check_may_respond(reloadable: &Reloadable) -> anyhow::Result<()> {
    ensure!(
        !matches!(reloadable.responder.mode(), Mode::Kill | Mode::Hold) || response::may_kill(),
        "respond = {} needs the capability CAP_KILL: run the sensor as root, or grant it to its container",
        reloadable.responder.mode()
    );
    Ok(())
}

/// Bytes that are judged at once while shells wait for it: more would take longer than the deadline, for other containers, too.
const HELD_BYTES: usize = 128 * 1024;

fn limits(run: &Run) -> Limits {
    let at_once = if run.respond == Respond::Hold { HELD_BYTES } else { usize::MAX };
    Limits { script_bytes: run.script_bytes.min(at_once), total_bytes: run.total_bytes, ..Limits::default() }
}

/// What the daemon is told.
pub(crate) fn config(run: Run) -> anyhow::Result<Config> {
    let reloadable = reloadable(&run)?;
    let limits = limits(&run);
    // Any of flags, environment and file may have given either.
    let identity = match (run.tls_cert, run.tls_key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) => {
            bail!("tls_cert is given and tls_key is not: give the certificate's private key, too")
        }
        (None, Some(_)) => bail!("tls_key is given and tls_cert is not: give the key's certificate, too"),
    };
    let named = identity.iter().flat_map(|(certificate, key)| [("tls_cert", certificate), ("tls_key", key)]);
    let authority = run.tls_ca.iter().map(|path| ("tls_ca", path));
    let token = run.token_file.iter().map(|path| ("token_file", path));
    for (option, path) in named.chain(authority).chain(token) {
        ensure!(path.is_file(), "{option}: there is no file {}", path.display());
    }
    if run.token_file.is_some()
        && let Some(open) = run.collector.iter().find(|uri| !uri.starts_with("https:"))
    {
        bail!("token_file: a token is not sent unencrypted, and the collector is {open}: use https:");
    }
    let cloud = Cloud {
        project_id: run.project,
        project_number: run.project_number,
        zone: run.zone,
        instance_name: run.instance_name,
        instance_id: run.instance_id,
        cluster: run.cluster,
        cluster_location: run.cluster_location,
    };
    let mut node = Node::of_this_machine(run.node, &run.scc_source, &run.scc_location, cloud)?;
    let metadata = match run.gce_metadata {
        Metadata::Auto => identity::is_on_google_cloud(),
        Metadata::On => true,
        Metadata::Off => false,
    };
    node.is_complete = !metadata;
    Ok(Config {
        assets: assets::find(run.bpf_object, run.scoring.model, run.scoring.onnxruntime),
        collectors: Endpoints::new(
            run.collector,
            Tls { authority: run.tls_ca, identity, server_name: run.tls_server_name, token: run.token_file },
        ),
        ack_timeout: run.ack_timeout,
        hold_deadline: run.hold_deadline,
        spool: (run.spool.as_os_str() != "off").then_some(run.spool),
        spool_limits: SpoolLimits {
            bytes: run.spool_mib * 1024 * 1024,
            age: Duration::from_secs(run.spool_hours * 3600),
        },
        tier: run.tier,
        ring_bytes: run.ring_mib * 1024 * 1024,
        max_shells: run.max_shells,
        shell_probes: run.shell_probes == Switch::On,
        report_unseen_pods: run.report_unseen_pods == Switch::On,
        redaction: Redaction::load(run.redact.as_deref(), run.report_arguments == Switch::On)?,
        limits,
        reloadable,
        record: run.record,
        admin_listen: run.admin_listen.0,
        probe_listen: run.probe_listen.0,
        ready_file: run.ready_file,
        container_runtime: match run.container_runtime {
            RuntimeSocket::Auto => identity::usual_socket(),
            RuntimeSocket::Off => None,
            RuntimeSocket::At(path) => Some(path),
        },
        enrichment_timeout: run.enrichment_timeout,
        node,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn script_bytes(arguments: &[&str]) -> usize {
        let cli = Cli::parse_from(["sensor", "run"].iter().chain(arguments));
        let Command::Run(run) = cli.command else { panic!("another command") };
        limits(&run).script_bytes
    }

    #[test]
    fn what_shells_wait_for_is_judged_in_small_parts() {
        assert_eq!(script_bytes(&[]), 1024 * 1024);
        assert_eq!(script_bytes(&["--respond", "kill"]), 1024 * 1024);
        assert_eq!(script_bytes(&["--respond", "hold"]), HELD_BYTES);
        assert_eq!(script_bytes(&["--respond", "hold", "--script-bytes", "65536"]), 65_536);
    }
}
