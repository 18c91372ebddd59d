//! Which ops of a SavedModel reach beyond it: files, the network, Python. Looked for in the file, because loading runs the
//! model's initialisation already.

use std::fs;
use std::path::Path;

use crate::error::{Error, code};
use crate::wire::{self, Fields, Value, all, first};

// Field numbers of SavedModel, MetaGraphDef, GraphDef, FunctionDefLibrary, FunctionDef, OpDef, NodeDef and AttrValue.
const META_GRAPH: u32 = 2;
const GRAPH: u32 = 2;
const GRAPH_NODE: u32 = 1;
const GRAPH_LIBRARY: u32 = 2;
const FUNCTION: u32 = 1;
const FUNCTION_SIGNATURE: u32 = 1;
const FUNCTION_NODE: u32 = 3;
const NAME: u32 = 1;
const NODE_OP: u32 = 2;
const NODE_ATTR: u32 = 5;
const ATTR_STRING: u32 = 2;

/// Ops that read or write files, reach over the network or run Python. Sorted.
///
/// Those every SavedModel has are not among them: `RestoreV2`, `SaveV2` and `MergeV2Checkpoints` of its checkpoint, and
/// `InitializeTableFromTextFileV2` of its assets.
pub const FILE_OPS: &[&str] = &[
    "CSVDataset",
    "CSVDatasetV2",
    "CacheDataset",
    "CacheDatasetV2",
    "CreateSummaryDbWriter",
    "CreateSummaryFileWriter",
    "DataServiceDataset",
    "DataServiceDatasetV2",
    "DataServiceDatasetV3",
    "DataServiceDatasetV4",
    "DatasetToTFRecord",
    "DebugIdentity",
    "DebugIdentityV2",
    "DebugIdentityV3",
    "DebugNanCount",
    "DebugNumericSummary",
    "DistributedSave",
    "EagerPyFunc",
    "ExperimentalCSVDataset",
    "ExperimentalDatasetToTFRecord",
    "ExperimentalLMDBDataset",
    "ExperimentalMatchingFilesDataset",
    "ExperimentalSqlDataset",
    "FixedLengthRecordDataset",
    "FixedLengthRecordDatasetV2",
    "FixedLengthRecordReader",
    "FixedLengthRecordReaderV2",
    "GenerateVocabRemapping",
    "LMDBDataset",
    "LMDBReader",
    "ListDataset",
    "ListSnapshotChunksDataset",
    "LoadAndRemapMatrix",
    "LoadDataset",
    "MatchingFiles",
    "MatchingFilesDataset",
    "PyFunc",
    "PyFuncStateless",
    "ReadFile",
    "RecordInput",
    "RegisterDataset",
    "RegisterDatasetV2",
    "SaveDataset",
    "SaveDatasetV2",
    "SnapshotChunkDataset",
    "SnapshotDataset",
    "SnapshotDatasetReader",
    "SnapshotDatasetV2",
    "SqlDataset",
    "TFRecordDataset",
    "TFRecordDatasetV2",
    "TFRecordReader",
    "TFRecordReaderV2",
    "TextLineDataset",
    "TextLineReader",
    "TextLineReaderV2",
    "WholeFileReader",
    "WholeFileReaderV2",
    "WriteFile",
];

/// Refuses a SavedModel with an op of [`FILE_OPS`] that is not in `allowed`, anywhere in its graphs and functions; also a
/// `PrintV2` that prints into a file.
///
/// # Errors
/// `FAILED_PRECONDITION` names the op and where it is, or says that the folder has no `saved_model.pb` to look through;
/// `DATA_LOSS` when that is no SavedModel.
pub fn check_ops(dir: &Path, allowed: &[String]) -> Result<(), Error> {
    let path = dir.join("saved_model.pb");
    let bytes = fs::read(&path).map_err(|error| {
        let text = format!(
            "{}: its ops cannot be looked through: {error}",
            path.display()
        );
        Error::new(code::FAILED_PRECONDITION, text)
    })?;
    match refused_op(&bytes, allowed)? {
        None => Ok(()),
        Some(Refused { op, place }) => Err(Error::new(
            code::FAILED_PRECONDITION,
            format!(
                "{}: op \"{op}\" ({place}) reaches beyond the model; refused unless --allowed_ops names it",
                path.display()
            ),
        )),
    }
}

struct Refused {
    op: String,
    place: String,
}

fn refused_op(saved_model: &[u8], allowed: &[String]) -> Result<Option<Refused>, Error> {
    for graph in all(saved_model, META_GRAPH)? {
        for graph in all(graph, GRAPH)? {
            for node in all(graph, GRAPH_NODE)? {
                if let Some((op, name)) = refused_node(node, allowed)? {
                    let place = format!("node \"{name}\"");
                    return Ok(Some(Refused { op, place }));
                }
            }
            for library in all(graph, GRAPH_LIBRARY)? {
                for function in all(library, FUNCTION)? {
                    for node in all(function, FUNCTION_NODE)? {
                        if let Some((op, name)) = refused_node(node, allowed)? {
                            let function = function_name(function)?;
                            let place = format!("node \"{name}\" of function \"{function}\"");
                            return Ok(Some(Refused { op, place }));
                        }
                    }
                }
            }
        }
    }
    Ok(None)
}

fn function_name(function: &[u8]) -> Result<String, Error> {
    let signature = first(function, FUNCTION_SIGNATURE)?;
    Ok(wire::text(first(signature, NAME)?))
}

/// Op and name of a node that is refused.
fn refused_node(node: &[u8], allowed: &[String]) -> Result<Option<(String, String)>, Error> {
    let (mut name, mut op): (&[u8], &[u8]) = (&[], &[]);
    let mut prints_to_file = false;
    for field in Fields::new(node) {
        match field? {
            (NAME, Value::Bytes(bytes)) => name = bytes,
            (NODE_OP, Value::Bytes(bytes)) => op = bytes,
            (NODE_ATTR, Value::Bytes(entry)) => {
                let (key, value) = wire::map_entry(entry)?;
                if key == b"output_stream" {
                    let texts = all(value, ATTR_STRING)?;
                    prints_to_file |= texts.iter().any(|text| text.starts_with(b"file://"));
                }
            }
            _ => {}
        }
    }
    let op = wire::text(op);
    let reaches = FILE_OPS.binary_search(&op.as_str()).is_ok() || op == "PrintV2" && prints_to_file;
    let refused = reaches && !allowed.iter().any(|it| *it == op || it == "*");
    Ok(refused.then(|| (op, wire::text(name))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::put_bytes;

    fn node(name: &str, op: &str) -> Vec<u8> {
        let mut node = Vec::new();
        put_bytes(&mut node, NAME, name.as_bytes());
        put_bytes(&mut node, NODE_OP, op.as_bytes());
        node
    }

    fn wrapped(number: u32, message: &[u8]) -> Vec<u8> {
        let mut outer = Vec::new();
        put_bytes(&mut outer, number, message);
        outer
    }

    fn in_graph(node: &[u8]) -> Vec<u8> {
        wrapped(META_GRAPH, &wrapped(GRAPH, &wrapped(GRAPH_NODE, node)))
    }

    fn in_function(node: &[u8]) -> Vec<u8> {
        let mut function = wrapped(FUNCTION_SIGNATURE, &wrapped(NAME, b"inner"));
        put_bytes(&mut function, FUNCTION_NODE, node);
        let library = wrapped(GRAPH_LIBRARY, &wrapped(FUNCTION, &function));
        wrapped(META_GRAPH, &wrapped(GRAPH, &library))
    }

    fn found(model: &[u8], allowed: &[&str]) -> Option<String> {
        let allowed: Vec<String> = allowed.iter().map(|&op| op.to_owned()).collect();
        refused_op(model, &allowed)
            .expect("a valid message")
            .map(|it| format!("{} in {}", it.op, it.place))
    }

    #[test]
    fn the_list_is_sorted_and_leaves_out_what_every_model_has() {
        assert!(FILE_OPS.is_sorted());
        for usual in ["RestoreV2", "SaveV2", "InitializeTableFromTextFileV2"] {
            assert!(!FILE_OPS.contains(&usual), "{usual}");
        }
    }

    #[test]
    fn file_ops_are_found_in_graphs_and_in_functions() {
        let model = in_graph(&node("x", "ReadFile"));
        assert_eq!(
            found(&model, &[]).as_deref(),
            Some("ReadFile in node \"x\"")
        );
        let model = in_function(&node("w", "WriteFile"));
        assert_eq!(
            found(&model, &[]).as_deref(),
            Some("WriteFile in node \"w\" of function \"inner\"")
        );
        for harmless in ["MatMul", "SaveV2", "RestoreV2", "PrintV2", "ReadFileX", ""] {
            assert_eq!(found(&in_function(&node("n", harmless)), &[]), None);
        }
    }

    #[test]
    fn allowed_ops_pass_and_only_those() {
        let model = in_graph(&node("x", "ReadFile"));
        assert_eq!(found(&model, &["ReadFile"]), None);
        assert_eq!(found(&model, &["*"]), None);
        assert!(found(&model, &["WriteFile", "Read"]).is_some());
    }

    #[test]
    fn printing_into_a_file_is_found() {
        let attribute = |stream: &[u8]| {
            let mut entry = wrapped(1, b"output_stream");
            put_bytes(&mut entry, 2, &wrapped(ATTR_STRING, stream));
            let mut print = node("p", "PrintV2");
            put_bytes(&mut print, NODE_ATTR, &entry);
            in_graph(&print)
        };
        assert!(found(&attribute(b"file:///etc/x"), &[]).is_some());
        assert_eq!(found(&attribute(b"stderr"), &[]), None);
    }

    #[test]
    fn what_is_no_saved_model_is_an_error() {
        assert!(refused_op(&[0x12, 200, 1], &[]).is_err());
        assert!(check_ops(Path::new("/nowhere"), &[]).is_err());
    }
}
