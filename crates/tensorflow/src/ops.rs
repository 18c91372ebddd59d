//! What is known about ops by their names: which need images or volumes, and which can keep a
//! tensor after the run.

/// Ops that take `data_format` and whose input has batch, spatial and channel dimensions. Matched
/// as a part of the name, which catches gradients and fused variants; those that work on volumes
/// have `3D` in theirs. `BiasAdd` has a `data_format` too, but takes any rank, and is part of every
/// dense layer: it does not count.
const SPATIAL_OPS: &[&str] = &[
    "Conv2D",
    "Conv2d",
    "Conv3D",
    "MaxPool",
    "AvgPool",
    "FusedBatchNorm",
    "DepthToSpace",
    "SpaceToDepth",
];

/// The number of dimensions that an op needs because of its `data_format`, if it has one. `format`
/// is the attribute's value; models saved without default attributes lack it.
pub(crate) fn data_format_rank(op: &str, format: Option<&[u8]>) -> Option<u8> {
    let spatial = SPATIAL_OPS.iter().any(|part| op.contains(part));
    match format {
        _ if op.starts_with("BiasAdd") => None,
        Some(format) => Some(format_rank(format)),
        None if spatial => Some(if op.contains("3D") { 5 } else { 4 }),
        None => None,
    }
}

/// One dimension a letter; formats in words or with a suffix have four at least.
fn format_rank(format: &[u8]) -> u8 {
    let letters = format.iter().all(|letter| b"NDHWC".contains(letter));
    if letters {
        u8::try_from(format.len()).unwrap_or(4)
    } else {
        4
    }
}

/// Ops on reference variables and old resources, which are not marked as stateful because their
/// handles are. By prefix.
const KEEPING_PREFIXES: &[&str] = &[
    "AccumulatorApplyGradient",
    "Apply",
    "Assign",
    "BarrierInsert",
    "InitializeTable",
    "LookupTableImport",
    "LookupTableInsert",
    "LookupTableRemove",
    "QueueEnqueue",
    "ScatterAdd",
    "ScatterDiv",
    "ScatterMax",
    "ScatterMin",
    "ScatterMul",
    "ScatterNdAdd",
    "ScatterNdMax",
    "ScatterNdMin",
    "ScatterNdSub",
    "ScatterNdUpdate",
    "ScatterSub",
    "ScatterUpdate",
    "SparseAccumulatorApplyGradient",
    "SparseApply",
    "StackPush",
    "StridedSliceAssign",
];

/// Where TensorFlow cannot be asked whether an op is stateful, these parts of names tell. Wider
/// than needed.
const KEEPING_PARTS: &[&str] = &[
    "Accumulator",
    "Assign",
    "Barrier",
    "Dataset",
    "Enqueue",
    "Insert",
    "Iterator",
    "MapStage",
    "PyFunc",
    "ResourceApply",
    "ResourceScatter",
    "ResourceSparseApply",
    "ResourceStridedSliceAssign",
    "SessionHandle",
    "Stack",
    "Stage",
    "Summary",
];

/// Stateful ops that certainly do not keep an input: they make or read a resource, call a function
/// (whose body is looked at itself), draw random numbers, write to a file or the log, or keep what
/// they are given for the length of the run only.
const FORGETTING_OPS: &[&str] = &[
    "Assert",
    "Case",
    "CheckNumerics",
    "CheckNumericsV2",
    "DeviceIndex",
    "DisableCopyOnRead",
    "Empty",
    "GuaranteeConst",
    "HashTable",
    "HashTableV2",
    "If",
    "IsResourceHandleRefCounting",
    "LoadAndRemapMatrix",
    "LookupTableExportV2",
    "LookupTableFindV2",
    "LookupTableSizeV2",
    "MergeV2Checkpoints",
    "Multinomial",
    "MutableDenseHashTable",
    "MutableDenseHashTableV2",
    "MutableHashTable",
    "MutableHashTableOfTensors",
    "MutableHashTableOfTensorsV2",
    "MutableHashTableV2",
    "NonDeterministicInts",
    "ParameterizedTruncatedNormal",
    "Print",
    "PrintV2",
    "RandomCrop",
    "RandomGamma",
    "RandomPoisson",
    "RandomPoissonV2",
    "RandomShuffle",
    "RandomStandardNormal",
    "RandomUniform",
    "RandomUniformInt",
    "ReadVariableOp",
    "RemoteCall",
    "ResourceGather",
    "ResourceGatherNd",
    "Restore",
    "RestoreSlice",
    "RestoreV2",
    "RngReadAndSkip",
    "RngSkip",
    "SampleDistortedBoundingBox",
    "SampleDistortedBoundingBoxV2",
    "Save",
    "SaveSlices",
    "SaveV2",
    "StatefulPartitionedCall",
    "StatefulRandomBinomial",
    "StatefulStandardNormal",
    "StatefulStandardNormalV2",
    "StatefulTruncatedNormal",
    "StatefulUniform",
    "StatefulUniformFullInt",
    "StatefulUniformInt",
    "StatelessRandomGetAlg",
    "TensorArray",
    "TensorArrayCloseV3",
    "TensorArrayConcatV3",
    "TensorArrayGatherV3",
    "TensorArrayGradV3",
    "TensorArrayGradWithShape",
    "TensorArrayReadV3",
    "TensorArrayScatterV3",
    "TensorArraySizeV3",
    "TensorArraySplitV3",
    "TensorArrayV2",
    "TensorArrayV3",
    "TensorArrayWriteV3",
    "Timestamp",
    "TruncatedNormal",
    "VarHandleOp",
    "VarIsInitializedOp",
    "Variable",
    "VariableShape",
    "VariableV2",
    "While",
    "XlaCallModule",
    "_Arg",
    "_Retval",
];

/// Whether an op may hold on to one of its inputs after the run that fed it. Unknown ops that are
/// stateful may.
///
/// `is_stateful` is TensorFlow's answer; `None` when it cannot be asked or does not know the op.
pub(crate) fn keeps_inputs(op: &str, is_stateful: Option<bool>) -> bool {
    if KEEPING_PREFIXES.iter().any(|prefix| op.starts_with(prefix)) {
        return true;
    }
    if FORGETTING_OPS.binary_search(&op).is_ok() {
        return false;
    }
    is_stateful.unwrap_or_else(|| KEEPING_PARTS.iter().any(|part| op.contains(part)))
}

/// Whether an op makes a variable.
pub(crate) fn is_variable(op: &str) -> bool {
    matches!(
        op,
        "VarHandleOp" | "Variable" | "VariableV2" | "AutoReloadVariable"
    )
}

#[cfg(test)]
mod tests {
    use super::{FORGETTING_OPS, data_format_rank, keeps_inputs};

    #[test]
    fn the_ops_looked_up_by_bisection_are_sorted() {
        assert!(FORGETTING_OPS.is_sorted());
    }

    #[test]
    fn data_formats_give_the_rank_and_dense_layers_do_not() {
        assert_eq!(data_format_rank("Conv2D", Some(b"NHWC")), Some(4));
        assert_eq!(data_format_rank("Conv3D", Some(b"NCDHW")), Some(5));
        assert_eq!(
            data_format_rank("FusedBatchNormV3", Some(b"NDHWC")),
            Some(5)
        );
        assert_eq!(data_format_rank("MaxPool", Some(b"NCHW_VECT_C")), Some(4));
        assert_eq!(data_format_rank("DepthwiseConv2dNative", None), Some(4));
        assert_eq!(data_format_rank("AvgPool3D", None), Some(5));
        assert_eq!(data_format_rank("BiasAdd", Some(b"NHWC")), None);
        assert_eq!(data_format_rank("BiasAdd", Some(b"NCHW")), None);
        assert_eq!(
            data_format_rank("SomebodysConv", Some(b"CHANNELS_LAST")),
            Some(4)
        );
        assert_eq!(data_format_rank("BiasAdd", None), None);
        assert_eq!(data_format_rank("MatMul", None), None);
    }

    #[test]
    fn assignments_and_queues_keep_their_inputs_and_reads_do_not() {
        for keeping in [
            "AssignVariableOp",
            "Assign",
            "QueueEnqueueV2",
            "StackPushV2",
            "LookupTableInsertV2",
            "BarrierInsertMany",
        ] {
            assert!(keeps_inputs(keeping, None), "{keeping}");
            assert!(keeps_inputs(keeping, Some(false)), "{keeping}");
        }
        for forgetting in [
            "ReadVariableOp",
            "StatefulPartitionedCall",
            "RandomUniform",
            "LookupTableFindV2",
        ] {
            assert!(!keeps_inputs(forgetting, Some(true)), "{forgetting}");
        }
        assert!(keeps_inputs("SomebodysCustomOp", Some(true)));
        assert!(!keeps_inputs("SomebodysCustomOp", Some(false)));
        assert!(!keeps_inputs("MatMul", None));
        assert!(!keeps_inputs("TensorListPushBack", Some(false)));
    }
}
