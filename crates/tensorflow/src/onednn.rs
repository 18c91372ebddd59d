//! Whether TensorFlow computes with oneDNN.

use std::env;

/// Whether TensorFlow fuses with oneDNN on this machine, the only way of fusing that results were compared with. On Linux it does by
/// default where the processor has instructions for neural networks.
pub(crate) fn fuses_with_onednn() -> bool {
    let set = |name| env::var_os(name).is_some();
    // XLA's clusters depend on the ops that are there.
    if set("TF_XLA_FLAGS") || set("TF_DISABLE_MKL") {
        return false;
    }
    match env::var("TF_ENABLE_ONEDNN_OPTS") {
        Ok(value) => cfg!(all(target_os = "linux", target_arch = "x86_64")) && value == "1",
        Err(_) => has_neural_instructions(),
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn has_neural_instructions() -> bool {
    // Processors with the matrix extension, TensorFlow's other condition, have these as well.
    is_x86_feature_detected!("avx512vnni")
        || is_x86_feature_detected!("avx512bf16")
        || is_x86_feature_detected!("avxvnni")
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn has_neural_instructions() -> bool {
    false
}
