//! Tokens of the sensors' service account. The kubelet gives each pod one that is bound to the pod, and since Kubernetes 1.30 the
//! API server writes into it on which node that pod runs; a kubelet gets tokens only for pods of its own node (the admission
//! plugin `NodeRestriction`, which clusters have by default). So who has one
//! speaks for that node and no other.
//! <https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens>

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{DecodingKey, Header, Validation, decode, decode_header, jwk::JwkSet};
use serde::Deserialize;
use stage::Supervisor;
use tokio_util::sync::CancellationToken;
use tonic::{Status, metadata::MetadataMap};

use crate::{
    keys::{self, Fetcher, Keys},
    peer::{Credential, Peer},
    signature::{ALGORITHMS, PROVIDER},
};

/// Bytes of a token; a usual one has some 1,200.
const BYTES_MAX: usize = 8192;
/// Characters of a key's name in refusals, and of the whole reason: anybody may write any.
const KEY_ID_CHARS: usize = 64;
const REFUSAL_CHARS: usize = 256;
/// How long a stream waits for keys that are not known yet.
const KEYS: Duration = Duration::from_secs(4);
/// Clocks may differ by so much, seconds.
const LEEWAY: u64 = 60;

/// Whose tokens are believed.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who signs them.
    pub keys: keys::Options,
    /// Whom they must be made for.
    pub audience: String,
    /// Who must have issued them, if that is to be checked: clusters that were restored from one another share keys.
    pub issuer: Option<String>,
    /// Service accounts of sensors, such as `system:serviceaccount:scriptwatch:scriptwatch-sensor`.
    pub subjects: Vec<String>,
}

/// Tells by a token which node a sensor runs on.
pub struct Tokens {
    keys: Arc<Keys>,
    audience: String,
    issuer: Option<String>,
    subjects: Vec<String>,
}

/// What a token vouches for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Vouched {
    pub(crate) peer: Peer,
    /// How long it is good.
    pub(crate) left: Duration,
}

/// Why a token is not believed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("it is signed with a key that the cluster does not publish (key id {0:?})")]
    UnknownKey(String),
    #[error("{0}")]
    Invalid(String),
    #[error("it is of {0:?}, which --token-subject does not name")]
    Subject(String),
    #[error("it does not name a node: Kubernetes writes that into tokens of pods since version 1.30")]
    NoNode,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    #[serde(rename = "kubernetes.io")]
    kubernetes: Option<OfKubernetes>,
}

#[derive(Deserialize)]
struct OfKubernetes {
    node: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl Tokens {
    /// Looks for keys until `stop` is cancelled. Errors name the option that is wrong.
    pub fn start(
        options: Options,
        supervisor: &Supervisor,
        stop: CancellationToken,
    ) -> Result<Arc<Self>, String> {
        let Options { keys, audience, issuer, subjects } = options;
        let fetcher = Fetcher::new(&keys)?;
        // It fails where it is installed already.
        let _ = PROVIDER.install_default();
        let keys = Keys::new();
        supervisor.task("keys", keys.clone().follow(fetcher, stop));
        Ok(Arc::new(Self { keys, audience, issuer, subjects }))
    }

    /// Who sent a request with these headers.
    pub(crate) async fn identify(&self, headers: &MetadataMap) -> Result<Vouched, Status> {
        // Some of it repeats what the client sent: no line of its own in anybody's log.
        let refused = |why: &dyn std::fmt::Display| {
            let why: String =
                why.to_string().replace(char::is_control, " ").chars().take(REFUSAL_CHARS).collect();
            Status::unauthenticated(format!("the client's token is refused: {why}"))
        };
        let header = headers.get("authorization").and_then(|value| value.to_str().ok());
        let Some(token) = header.and_then(|value| value.strip_prefix("Bearer ")) else {
            return Err(Status::unauthenticated(
                "a token is needed and none came: give the sensor one with --token-file",
            ));
        };
        if token.len() > BYTES_MAX {
            return Err(refused(&format!("it has {} bytes, and may have {BYTES_MAX}", token.len())));
        }
        let mut vouched = self.check(token, &self.keys.known());
        if let Err(Refusal::UnknownKey(_)) = vouched
            && let Some(known) = self.keys.next(KEYS).await
        {
            vouched = self.check(token, &known);
        }
        vouched.map_err(|why| {
            if self.keys.known().keys.is_empty() {
                return Status::unavailable("the keys that tokens are signed with are not known yet");
            }
            refused(&why)
        })
    }

    fn check(&self, token: &str, keys: &JwkSet) -> Result<Vouched, Refusal> {
        let invalid = |e: jsonwebtoken::errors::Error| Refusal::Invalid(e.to_string());
        let Header { alg, kid, .. } = decode_header(token).map_err(invalid)?;
        if !ALGORITHMS.contains(&alg) {
            return Err(Refusal::Invalid(format!("it is signed by {alg:?}, which no cluster does")));
        }
        let kid = kid.unwrap_or_default();
        let key =
            keys.find(&kid).ok_or_else(|| Refusal::UnknownKey(kid.chars().take(KEY_ID_CHARS).collect()))?;
        let key = DecodingKey::from_jwk(key).map_err(invalid)?;
        let mut validation = Validation::new(alg);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["aud", "exp", "sub"]);
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            validation.required_spec_claims.insert("iss".to_owned());
        }
        validation.validate_nbf = true;
        validation.leeway = LEEWAY;
        let claims = decode::<Claims>(token, &key, &validation).map_err(invalid)?.claims;
        if !self.subjects.contains(&claims.sub) {
            return Err(Refusal::Subject(claims.sub));
        }
        let node = claims.kubernetes.and_then(|of| of.node).ok_or(Refusal::NoNode)?.name;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        let left = Duration::from_secs(claims.exp.saturating_add(LEEWAY).saturating_sub(now));
        Ok(Vouched { peer: Peer { by: Credential::Token, names: vec![node] }, left })
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    use ring::{
        rand::SystemRandom,
        signature::{
            ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
            EcdsaSigningAlgorithm, KeyPair,
        },
    };
    use serde_json::{Value, json};

    use super::*;

    const SUBJECT: &str = "system:serviceaccount:s:sensor";

    fn encode(bytes: impl AsRef<[u8]>) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Signs, and says what is published of it.
    fn signer(
        signing: &'static EcdsaSigningAlgorithm,
        curve: &str,
        kid: &str,
    ) -> (impl Fn(&str, &Value) -> String, Value) {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(signing, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(signing, document.as_ref(), &random).expect("a key");
        let point = pair.public_key().as_ref()[1..].to_vec();
        let (x, y) = point.split_at(point.len() / 2);
        let public = json!({ "kty": "EC", "kid": kid, "crv": curve, "x": encode(x), "y": encode(y) });
        let kid = kid.to_owned();
        let sign = move |alg: &str, claims: &Value| {
            let header = json!({ "alg": alg, "kid": kid }).to_string();
            let message = format!("{}.{}", encode(header), encode(claims.to_string()));
            let signature = pair.sign(&random, message.as_bytes()).expect("a signature");
            format!("{message}.{}", encode(signature))
        };
        (sign, public)
    }

    fn tokens(keys: &[Value]) -> Tokens {
        let _ = PROVIDER.install_default();
        let set = serde_json::from_value(json!({ "keys": keys })).expect("keys");
        Tokens {
            keys: Keys::of(set),
            audience: "collector".to_owned(),
            issuer: None,
            subjects: vec![SUBJECT.to_owned()],
        }
    }

    fn claims() -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
        json!({
            "aud": ["other", "collector"], "sub": SUBJECT, "nbf": now, "exp": now + 600,
            "kubernetes.io": { "node": { "name": "n", "uid": "u" } },
        })
    }

    fn check(tokens: &Tokens, token: &str) -> Result<Vouched, Refusal> {
        tokens.check(token, &tokens.keys.known())
    }

    #[test]
    fn tokens_of_both_curves_name_their_node() {
        let (p256, first) = signer(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256", "a");
        let (p384, second) = signer(&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384", "b");
        // A cluster may publish keys that nobody here knows.
        let strange = json!({ "kty": "AKP", "kid": "c", "alg": "ML-DSA-44", "pub": "x" });
        let tokens = tokens(&[strange, first, second]);
        for token in [p256("ES256", &claims()), p384("ES384", &claims())] {
            let vouched = check(&tokens, &token).expect("a token");
            assert_eq!(vouched.peer, Peer { by: Credential::Token, names: vec!["n".to_owned()] });
            assert!(
                (Duration::from_secs(650)..=Duration::from_mins(11)).contains(&vouched.left),
                "{vouched:?}"
            );
        }
        // A key signs by its own algorithm only.
        assert!(check(&tokens, &p256("ES384", &claims())).is_err());
        assert!(check(&tokens, &p256("RS256", &claims())).is_err());
        assert!(check(&tokens, &p256("HS256", &claims())).is_err());
    }

    #[test]
    fn claims_that_are_missing_or_strange_are_refused() {
        let (sign, public) = signer(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256", "a");
        let tokens = tokens(&[public]);
        let with = |key: &str, value: Value| {
            let mut claims = claims();
            claims[key] = value;
            check(&tokens, &sign("ES256", &claims))
        };
        for (key, value) in [
            ("exp", json!(null)),
            ("exp", json!("9999999999")),
            ("exp", json!(1)),
            ("nbf", json!(u32::MAX)),
            ("aud", json!(null)),
            ("aud", json!("others")),
            ("aud", json!([])),
            ("sub", json!(null)),
            ("sub", json!([SUBJECT])),
            ("kubernetes.io", json!("n")),
            ("kubernetes.io", json!({ "node": "n" })),
        ] {
            let refused = with(key, value.clone());
            assert!(matches!(refused, Err(Refusal::Invalid(_))), "{key} {value}: {refused:?}");
        }
        let other = "system:serviceaccount:s:sensor2".to_owned();
        assert_eq!(with("sub", json!(other)), Err(Refusal::Subject(other)));
        for value in [json!(null), json!({ "pod": { "name": "p" } }), json!({ "node": null })] {
            assert_eq!(with("kubernetes.io", value), Err(Refusal::NoNode));
        }
        let strict = Tokens {
            keys: tokens.keys.clone(),
            issuer: Some("https://ours".to_owned()),
            ..self::tokens(&[])
        };
        let issued = |issuer: Value| {
            let mut claims = claims();
            claims["iss"] = issuer;
            check(&strict, &sign("ES256", &claims)).is_ok()
        };
        assert!(issued(json!("https://ours")) && !issued(json!("https://theirs")) && !issued(json!(null)));
        assert!(with("exp", json!(u64::MAX)).expect("a token").left > Duration::from_mins(10));
    }
}
