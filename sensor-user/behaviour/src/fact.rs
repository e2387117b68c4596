//! What a script can be found to do.

use std::fmt;

/// Which way a fact points where nothing else is known. The weights are the model's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaning {
    /// An attack's step.
    Attack,
    /// An attack's step that administrators take now and then.
    Suspicious,
    /// Something that attackers and administrators do.
    Either,
    /// How careful people write.
    Care,
}

macro_rules! facts {
    ($($variant:ident $leaning:ident $id:literal $technique:literal $sentence:literal)*) => {
        /// Something that a script does, or a way in which it is written.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Fact {
            $(#[doc = $sentence] $variant,)*
        }

        impl Fact {
            /// All of them, in the order of the model's inputs.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name: letters, dots and dashes.
            pub fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// ATT&CK's id of the technique, or nothing.
            pub fn technique(self) -> &'static str {
                match self { $(Self::$variant => $technique,)* }
            }

            /// What it says, as the rest of a sentence that begins with "The script".
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }

            /// Which way it points.
            pub fn leaning(self) -> Leaning {
                match self { $(Self::$variant => Leaning::$leaning,)* }
            }
        }
    };
}

facts! {
    Fetches Either "fetch" "T1105" "fetches something"
    FetchToShell Either "fetch.to-shell" "T1105" "hands what it fetches to an interpreter"
    FetchRun Either "fetch.run" "T1105" "fetches a file and runs it"
    FetchExecutable Either "fetch.executable" "T1105" "fetches a file and makes it executable"
    FetchToTemporary Either "fetch.to-temporary" "T1105" "fetches a file to a temporary directory"
    FetchHidden Suspicious "fetch.hidden" "T1564.001" "fetches a file to a hidden name"
    FetchTemporaryRun Attack "fetch.temporary-run" "T1105" "fetches a file to a temporary directory and runs it"
    FetchRunBackground Attack "fetch.run-background" "T1105" "fetches a file and runs it in the background"
    FetchRunDelete Attack "fetch.run-delete" "T1070.004" "fetches a file, runs it and deletes it"
    FetchAddress Attack "fetch.address" "T1105" "keeps or runs what it fetches from a bare public address"
    AsksAddress Either "net.asks-address" "T1071" "asks a bare public address"
    FetchPrivateAddress Either "fetch.private-address" "T1105" "fetches from a bare private address"
    FetchPort Either "fetch.port" "T1571" "fetches from an unusual port"
    FetchPaste Attack "fetch.paste" "T1102" "fetches from a paste or drop site"
    FetchRaw Either "fetch.raw" "T1102" "fetches from a code host's raw files"
    FetchTunnel Attack "fetch.tunnel" "T1568" "fetches from a tunnel or a dynamic name"
    FetchOnion Attack "fetch.onion" "T1090.003" "fetches from a hidden service"
    FetchVendor Care "fetch.vendor" "" "fetches from a well-known publisher"
    FetchUnchecked Either "fetch.unchecked" "T1105" "fetches without checking the certificate"
    FetchAlternatives Either "fetch.alternatives" "T1105" "tries several tools to fetch one thing"
    FetchManyRuns Suspicious "fetch.many-runs" "T1105" "fetches and runs several files one after the other"
    FetchVerified Care "fetch.verified" "" "compares a checksum or a signature"
    RunsTemporary Either "run.temporary" "T1059.004" "runs a file in a temporary directory"
    RunsHidden Suspicious "run.hidden" "T1564.001" "runs a file with a hidden name"
    RunsSilently Either "run.silently" "T1564" "runs something in the background without any output"
    RunsToAddress Either "run.to-address" "T1071" "starts a program that nobody knows with a bare public address"
    RunsRenamed Attack "run.renamed" "T1036" "runs something under another name"
    RunsWritten Either "run.written" "T1059.004" "writes a script and runs it"
    RunsComputed Either "run.computed" "" "runs a command that is only known at run time"
    RunsDecoded Attack "run.decoded" "T1140" "decodes something and runs it"
    RunsMemory Attack "run.memory" "T1620" "runs a program from memory"
    EvaluatesText Either "run.evaluates" "T1059.004" "evaluates text"
    HidesCommand Suspicious "hide.command" "T1027" "puts a command's name together from parts"
    HidesGlob Suspicious "hide.glob" "T1027" "names a command by a pattern"
    HidesCode Either "hide.codes" "T1027" "holds text as codes"
    HidesBlob Either "hide.blob" "T1027" "holds a long encoded text"
    DeletesItself Attack "hide.deletes-itself" "T1070.004" "deletes itself"
    Terminates Either "run.traps" "T1564.011" "ignores signals"
    ReverseShell Attack "shell.reverse" "T1059.004" "binds a shell to a connection"
    BindShell Attack "shell.bind" "T1059.004" "offers a shell on a port"
    SocketDevice Either "net.device" "T1095" "opens a connection through the shell itself"
    SocketTool Either "net.tool" "T1095" "opens a raw connection"
    Listens Either "net.listens" "" "listens on a port"
    Tunnel Either "net.tunnel" "T1572" "opens a tunnel"
    CommandLoop Attack "c2.loop" "T1071" "asks a host for commands again and again, and runs them"
    PollsHost Either "c2.polls" "T1071" "asks a host again and again"
    Bot Either "c2.bot" "T1102" "talks to a chat service or a web hook"
    Sends Either "send" "T1041" "sends something to a host"
    SendsSecret Attack "send.secret" "T1041" "reads a secret and sends it to a host"
    SendsHostFacts Either "send.host-facts" "T1082" "tells a host what machine it runs on"
    SendsFiles Either "send.files" "T1041" "sends files to a host"
    SendsArchive Either "send.archive" "T1560" "packs files and sends them to a host"
    SendsVariable Either "send.variable" "T1041" "sends a host the value of a variable that is named like a secret"
    SendsDns Attack "send.dns" "T1048.003" "sends data within names that it looks up"
    SendsToDrop Suspicious "send.drop" "T1567" "sends data to a drop site or a web hook"
    SendsToWeb Suspicious "send.web" "T1567" "puts secrets or archives where a web server shows them"
    SecretKey Either "secret.ssh-key" "T1552.004" "reads private keys"
    SecretCloud Either "secret.cloud" "T1552.001" "reads credentials of a cloud"
    SecretCluster Either "secret.cluster" "T1552.001" "reads credentials of a cluster"
    SecretToken Either "secret.token" "T1528" "reads the pod's service account token"
    SecretShadow Either "secret.shadow" "T1003.008" "reads the password file"
    SecretHistory Either "secret.history" "T1552.003" "reads shell histories"
    SecretFile Either "secret.file" "T1552.001" "reads files that hold passwords"
    SecretBrowser Suspicious "secret.browser" "T1555.003" "reads a browser's or a wallet's secrets"
    SecretEnvironment Either "secret.environment" "T1003.007" "reads other processes' environment or memory"
    SecretMetadata Either "secret.metadata" "T1552.005" "asks the metadata server for credentials"
    SecretSearch Either "secret.search" "T1552.001" "searches files for passwords or keys"
    SecretStore Suspicious "secret.store" "T1555.006" "reads one secret of a store after the other"
    SecretEncoded Either "secret.encoded" "T1552" "prints its environment encoded, so that nothing in it is masked"
    SecretMany Attack "secret.many" "T1552" "reads secrets of several kinds"
    SecretPrompt Either "secret.prompt" "T1056" "asks for a password and keeps it"
    PromptForged Attack "secret.prompt-forged" "T1056" "asks for a password as another program would"
    KeyAdded Either "persist.ssh-key" "T1098.004" "adds a key that may log in over SSH"
    KeyLiteral Attack "persist.ssh-key-literal" "T1098.004" "adds a key of its own to those that may log in over SSH"
    KeyReplaced Attack "persist.ssh-replaced" "T1098.004" "replaces the directory of SSH keys"
    KeyOnly Attack "persist.ssh-only" "T1098.004" "removes the directory of SSH keys and puts one key of its own there"
    CronAdded Either "persist.cron" "T1053.003" "installs a cron job"
    CronFetches Attack "persist.cron-fetches" "T1053.003" "installs a cron job that fetches or runs something strange"
    CronRemoved Either "persist.cron-removed" "T1489" "removes cron jobs"
    UnitAdded Either "persist.unit" "T1543.002" "installs a service"
    UnitStrange Suspicious "persist.unit-strange" "T1543.002" "installs a service that runs something strange"
    InitAdded Either "persist.init" "T1037" "adds a command to what runs at start-up"
    ProfileAdded Either "persist.profile" "T1546.004" "adds a command to a shell's start-up file"
    ProfileStrange Suspicious "persist.profile-strange" "T1546.004" "adds strange commands to a start-up file"
    WebShell Attack "persist.web-shell" "T1505.003" "writes a page that runs commands"
    HookAdded Either "persist.hook" "T1546" "adds a command to an event of the system (udev, motd, package manager, git)"
    PolkitOpened Suspicious "persist.polkit-open" "T1548" "lets others than administrators do what only root may"
    PamChanged Either "persist.pam" "T1556.003" "changes how users are authenticated"
    PamOpened Attack "persist.pam-open" "T1556.003" "lets everybody in, whatever password is given"
    PreloadAdded Attack "persist.preload" "T1574.006" "makes the dynamic linker load a library everywhere"
    AliasAdded Either "persist.alias" "T1546.004" "replaces a command by an alias or a function of its own"
    SudoersChanged Either "account.sudoers" "T1548.003" "changes who may run commands as root"
    AccountAdded Either "account.added" "T1136" "adds a user, or rights to one"
    AccountRoot Attack "account.root" "T1136.001" "adds a user with root's rights"
    PasswordSet Either "account.password" "T1098" "sets a password"
    PasswordLiteral Suspicious "account.password-literal" "T1098" "sets a password that stands in the script"
    SshLoosened Suspicious "account.ssh-loosened" "T1556" "lets root or passwords in over SSH"
    SetuidShell Attack "root.setuid-shell" "T1548.001" "makes a shell or an interpreter run as root"
    SetuidSet Either "root.setuid" "T1548.001" "makes a file run as its owner"
    SetuidSearch Either "root.setuid-search" "T1548.001" "searches files that run as root"
    ShellEscape Attack "root.shell-escape" "T1548" "gets a shell out of another program"
    ExploitBuilt Attack "root.exploit" "T1068" "builds a program of its own source that wants root's rights"
    LibraryForged Attack "root.library" "T1574.006" "makes a program load a library of its own"
    CommandForged Either "root.command-forged" "T1574.007" "puts a file of its own in place of a command"
    SystemReplaced Attack "root.system-replaced" "T1554" "replaces a program of the system"
    NamespaceTrick Either "root.namespace" "T1611" "makes a namespace of its own"
    HistoryOff Suspicious "evade.history" "T1562.003" "keeps its commands out of the history"
    LogsRemoved Either "evade.logs" "T1070.002" "removes or empties logs"
    LogsMany Either "evade.logs-many" "T1070.002" "removes or empties several logs"
    LogLines Attack "evade.log-lines" "T1070.002" "takes lines out of a log"
    DefenceStopped Suspicious "evade.defence" "T1562.001" "stops or removes security software"
    FirewallOff Either "evade.firewall" "T1562.004" "switches a firewall off"
    FirewallOpened Either "evade.firewall-opened" "T1562.004" "opens a port"
    LoggingStopped Suspicious "evade.logging" "T1562.006" "stops logging"
    Immutable Either "evade.immutable" "T1222.002" "makes a file immutable, or mutable again"
    TimeForged Either "evade.time" "T1070.006" "gives a file another file's or a false time"
    ProcessHidden Attack "evade.process" "T1564" "hides a process"
    HostsForged Attack "evade.hosts" "T1565" "redirects names of hosts"
    SandboxCheck Either "evade.sandbox" "T1497" "looks whether it is watched"
    KernelModule Either "evade.module" "T1547.006" "loads a kernel module"
    ToolsRemoved Suspicious "evade.tools" "T1562" "takes tools away from others"
    Miner Attack "impact.miner" "T1496" "mines a currency"
    MinerTuning Either "impact.miner-tuning" "T1496" "prepares the machine for mining"
    RivalsKilled Attack "impact.rivals" "T1489" "kills miners or others' processes by their names or load"
    Encrypts Either "impact.encrypts" "T1486" "encrypts files"
    EncryptsMany Attack "impact.encrypts-many" "T1486" "encrypts every file that it finds"
    EncryptsDeletes Attack "impact.encrypts-deletes" "T1486" "encrypts files and deletes the originals"
    Ransom Attack "impact.ransom" "T1486" "leaves a demand for money"
    WipesDevice Either "impact.wipes-device" "T1561" "overwrites a disk"
    WipesFiles Attack "impact.wipes-files" "T1485" "overwrites files"
    DeletesBroadly Either "impact.deletes" "T1485" "deletes everything below a broad directory"
    DeletesBackups Either "impact.backups" "T1490" "deletes backups or snapshots"
    DeletesData Either "impact.data" "T1485" "drops databases, volumes or buckets"
    StopsMany Either "impact.stops" "T1489" "stops several services"
    LocksOut Either "impact.locks-out" "T1531" "locks users out"
    WormProbe Attack "lateral.probe" "T1021" "tries the words that worms log in with"
    ForkBomb Attack "impact.fork-bomb" "T1499" "multiplies without end"
    Floods Either "impact.floods" "T1498" "sends packets without end"
    FillsDisk Suspicious "impact.fills" "T1499" "fills a disk"
    ShutsDown Either "impact.shutdown" "T1529" "shuts the machine down"
    Defaces Attack "impact.defaces" "T1491" "replaces what a server shows"
    EscapeHost Attack "escape.host" "T1611" "enters the node's namespaces"
    EscapeMount Attack "escape.mount" "T1611" "mounts the node's file system or works in it"
    EscapeCgroup Attack "escape.cgroup" "T1611" "changes what the kernel runs on the node"
    EscapePod Attack "escape.pod" "T1610" "starts a container that holds the node"
    KubeletCommand Attack "escape.kubelet" "T1609" "runs commands in other pods through the kubelet"
    RuntimeSocket Either "escape.socket" "T1609" "commands the container runtime"
    ClusterReach Either "escape.cluster" "T1613" "asks the cluster with the pod's rights"
    ClusterRights Either "escape.rights" "T1098.006" "gives rights in the cluster"
    RemoteCommand Either "lateral.ssh" "T1021.004" "runs commands on another host"
    RemoteMany Either "lateral.many" "T1021.004" "runs commands on many hosts"
    RemotePassword Either "lateral.password" "T1078" "logs in to another host with a password that it knows"
    RemoteSpreads Attack "lateral.spreads" "T1021.004" "copies itself or what it fetched to other hosts"
    Infects Suspicious "lateral.infects" "T1080" "copies itself into files that it finds"
    KnownHosts Either "lateral.known-hosts" "T1018" "reads which hosts this one knows"
    Scans Either "lateral.scan" "T1046" "scans for open ports"
    BruteForce Attack "lateral.brute-force" "T1110" "tries many passwords"
    ServiceAbused Attack "lateral.service" "T1210" "makes an open service run something"
    Discovers Either "discover" "T1082" "looks at the machine it runs on"
    DiscoversMuch Either "discover.much" "T1082" "looks at the machine in many ways"
    OnlyDiscovers Either "discover.only" "T1082" "does little else but look at the machine"
    Searches Either "discover.files" "T1083" "searches files"
    Captures Either "collect.captures" "T1056" "records packets, keys or screens"
    Packs Either "collect.packs" "T1560" "packs files"
    BuildsPackage Care "work.builds" "" "builds or installs packages"
    Orchestrates Care "work.orchestrates" "" "works with containers or a cluster"
    VersionControl Care "work.version-control" "" "works with a repository"
    Helps Care "care.help" "" "explains how it is used"
    ReadsOptions Care "care.options" "" "reads options"
    StopsOnError Care "care.errors" "" "stops at the first error"
    CleansUp Care "care.cleans-up" "" "cleans up at its end"
    Reports Care "care.reports" "" "tells errors and ends with a code"
    TestsFirst Care "care.tests" "" "tests before it acts"
    Licensed Care "care.license" "" "carries a licence"
    Configures Care "care.configure" "" "is a generated configuration script"
    Cut Either "cut" "" "is longer than what is followed"
}

impl Fact {
    /// Is it an attack's step, whoever may take it otherwise?
    pub fn is_of_attacks(self) -> bool {
        matches!(self.leaning(), Leaning::Attack | Leaning::Suspicious)
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_fact_has_a_name_of_its_own() {
        let ids: HashSet<&str> = Fact::ALL.iter().map(|fact| fact.id()).collect();
        assert_eq!(ids.len(), Fact::ALL.len());
        assert!(Fact::ALL.iter().enumerate().all(|(n, fact)| *fact as usize == n));
    }
}
