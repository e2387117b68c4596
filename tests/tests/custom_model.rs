//! Models of one's own: what fits is used, what does not is refused with what is wrong.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::{fs, path::PathBuf, process::Command};

use e2e::daemon::bin;
use onnx::{FLOAT, INT64, Model};
use serde_json::Value;

/// The parts of ONNX that the models here need; field numbers as in the standard's onnx.proto.
mod onnx {
    use prost::Message;

    pub(crate) const FLOAT: i32 = 1;
    pub(crate) const INT64: i32 = 7;

    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct Entry {
        #[prost(string, tag = "1")]
        key: String,
        #[prost(string, tag = "2")]
        value: String,
    }
    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct OperatorSet {
        #[prost(int64, tag = "2")]
        version: i64,
    }
    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct Attribute {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(int64, tag = "3")]
        i: i64,
        #[prost(int32, tag = "20")]
        kind: i32,
    }
    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct Node {
        #[prost(string, repeated, tag = "1")]
        input: Vec<String>,
        #[prost(string, repeated, tag = "2")]
        output: Vec<String>,
        #[prost(string, tag = "4")]
        op: String,
        #[prost(message, repeated, tag = "5")]
        attribute: Vec<Attribute>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct Tensor {
        #[prost(int64, repeated, tag = "1")]
        dims: Vec<i64>,
        #[prost(int32, tag = "2")]
        element: i32,
        #[prost(float, repeated, tag = "4")]
        floats: Vec<f32>,
        #[prost(int64, repeated, tag = "7")]
        integers: Vec<i64>,
        #[prost(string, tag = "8")]
        name: String,
    }
    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct Dimension {
        #[prost(int64, optional, tag = "1")]
        value: Option<i64>,
        #[prost(string, optional, tag = "2")]
        name: Option<String>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct Shape {
        #[prost(message, repeated, tag = "1")]
        dim: Vec<Dimension>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct TensorType {
        #[prost(int32, tag = "1")]
        element: i32,
        #[prost(message, optional, tag = "2")]
        shape: Option<Shape>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct Type {
        #[prost(message, optional, tag = "1")]
        tensor: Option<TensorType>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct ValueInfo {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(message, optional, tag = "2")]
        ty: Option<Type>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct Graph {
        #[prost(message, repeated, tag = "1")]
        node: Vec<Node>,
        #[prost(string, tag = "2")]
        name: String,
        #[prost(message, repeated, tag = "5")]
        initializer: Vec<Tensor>,
        #[prost(message, repeated, tag = "11")]
        input: Vec<ValueInfo>,
        #[prost(message, repeated, tag = "12")]
        output: Vec<ValueInfo>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct File {
        #[prost(int64, tag = "1")]
        ir_version: i64,
        #[prost(message, optional, tag = "7")]
        graph: Option<Graph>,
        #[prost(message, repeated, tag = "8")]
        operators: Vec<OperatorSet>,
        #[prost(message, repeated, tag = "14")]
        metadata: Vec<Entry>,
    }

    /// A model that gives every set the same probability, whatever its names and shapes.
    #[derive(Clone)]
    pub(crate) struct Model {
        pub(crate) features: (&'static str, i32),
        pub(crate) ends: &'static str,
        pub(crate) output: &'static str,
        pub(crate) width: i64,
        pub(crate) probability: f32,
        pub(crate) metadata: Vec<(&'static str, String)>,
    }

    impl Model {
        pub(crate) fn bytes(&self) -> Vec<u8> {
            let value = |name: &str, element, dims: &[Result<i64, &str>]| {
                let dim = dims.iter().map(|d| Dimension { value: d.ok(), name: d.err().map(str::to_owned) });
                let shape = Some(Shape { dim: dim.collect() });
                let ty = Some(Type { tensor: Some(TensorType { element, shape }) });
                ValueInfo { name: name.to_owned(), ty }
            };
            let node = |op: &str, input: &[&str], output: &str, attribute| Node {
                input: input.iter().map(|i| (*i).to_owned()).collect(),
                output: vec![output.to_owned()],
                op: op.to_owned(),
                attribute,
            };
            let axis = Attribute { name: "axis".to_owned(), i: 0, kind: 2 };
            let graph = Graph {
                node: vec![
                    node("Shape", &[self.ends], "sets", vec![]),
                    node("Concat", &["sets", "width"], "shape", vec![axis]),
                    node("Expand", &["p", "shape"], self.output, vec![]),
                ],
                name: "constant".to_owned(),
                initializer: vec![
                    Tensor {
                        name: "width".to_owned(),
                        dims: vec![1],
                        element: INT64,
                        integers: vec![self.width],
                        ..Tensor::default()
                    },
                    Tensor {
                        name: "p".to_owned(),
                        dims: vec![1, 1],
                        element: FLOAT,
                        floats: vec![self.probability],
                        ..Tensor::default()
                    },
                ],
                input: vec![
                    value(self.features.0, self.features.1, &[Err("n")]),
                    value(self.ends, INT64, &[Err("sets")]),
                ],
                output: vec![value(self.output, FLOAT, &[Err("sets"), Ok(self.width)])],
            };
            let entry =
                |(key, value): &(&str, String)| Entry { key: (*key).to_owned(), value: value.clone() };
            File {
                ir_version: 8,
                graph: Some(graph),
                operators: vec![OperatorSet { version: 17 }],
                metadata: self.metadata.iter().map(entry).collect(),
            }
            .encode_to_vec()
        }
    }
}

fn fitting() -> Model {
    Model {
        features: ("features", INT64),
        ends: "ends",
        output: "probabilities",
        width: 17,
        probability: 0.4,
        metadata: vec![(verdict::FEATURES_KEY, verdict::fingerprint())],
    }
}

/// That model with an entry more in its metadata.
fn with(key: &'static str, value: &str) -> Model {
    let mut model = fitting();
    model.metadata.push((key, value.to_owned()));
    model
}

/// What `sensor score` with this model says: the first line, standard error and the exit status.
fn score(model: &Model, text: &str) -> (Value, String, Option<i32>) {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { directory.path().join(name) };
    fs::write(path("own.onnx"), model.bytes()).unwrap();
    fs::write(path("scripts.jsonl"), serde_json::json!({ "content": text }).to_string()).unwrap();
    let output = Command::new(bin().join("sensor"))
        .args(["score", "--format", "json", "--model"])
        .args([path("own.onnx"), path("scripts.jsonl")])
        .output()
        .unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    let line = line.lines().next().map_or(Value::Null, |l| serde_json::from_str(l).unwrap());
    (line, String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code())
}

#[test]
fn any_model_with_the_signature_is_used() {
    let long = "echo a b c d e f g\n".repeat(2000);
    let (line, errors, code) = score(&fitting(), &long);
    assert_eq!(code, Some(0), "{errors}");
    assert!((line["score"].as_f64().unwrap() - 0.4).abs() < 1e-6, "{line}");
    assert_eq!(line["malicious"], false, "one half is the threshold of a model that names none");
    let named = with("threshold.balanced", "0.3");
    assert_eq!(score(&named, &long).0["malicious"], true);
}

#[test]
fn passages_count_less_by_what_the_model_says() {
    // The whole is the worst then, and with a negative penalty a passage is.
    let eager = with("passage.penalty", "-2.0");
    let (line, ..) = score(&eager, "echo a\necho b\necho c\n");
    let logit = |p: f64| (p / (1.0 - p)).ln();
    assert!((logit(line["score"].as_f64().unwrap()) - (logit(0.4) + 2.0)).abs() < 1e-4, "{line}");
    let usual = with("passage.penalty", "1.0");
    assert!((score(&usual, "echo a\necho b\necho c\n").0["score"].as_f64().unwrap() - 0.4).abs() < 1e-6);
}

#[test]
fn a_model_that_says_nan_does_not_pass_scripts_as_harmless() {
    let (line, errors, code) = score(&Model { probability: f32::NAN, ..fitting() }, "id");
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!((&line["score"], &line["malicious"]), (&Value::from(1.0), &Value::from(true)));
}

#[test]
fn what_does_not_fit_is_said() {
    let misfits = [
        (Model { features: ("tokens", INT64), ..fitting() }, "\"tokens\""),
        (Model { features: ("features", FLOAT), ..fitting() }, "int64[n] is expected"),
        (Model { ends: "offsets", ..fitting() }, "\"offsets\""),
        (Model { output: "scores", ..fitting() }, "no output named \"probabilities\""),
        (Model { width: 3, ..fitting() }, "float32[sets, 17] is expected"),
        (Model { metadata: vec![], ..fitting() }, "does not say with which features it was trained"),
        (
            Model { metadata: vec![(verdict::FEATURES_KEY, "0".repeat(64))], ..fitting() },
            "was trained with other features",
        ),
    ];
    for (model, expected) in misfits {
        let (_, errors, code) = score(&model, "id");
        assert_eq!(code, Some(1), "{errors}");
        assert!(
            errors.contains("own.onnx does not fit") && errors.contains(expected),
            "{expected}: {errors}"
        );
    }
}
