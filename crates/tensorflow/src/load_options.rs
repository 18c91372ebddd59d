//! How a SavedModel is loaded.

use crate::saved_model::SERVE_TAG;
use crate::wire::{Fields, Value};

/// Fields of `ConfigProto`.
const USE_PER_SESSION_THREADS: u32 = 9;
const GRAPH_OPTIONS: u32 = 10;
const SESSION_INTER_OP_THREAD_POOL: u32 = 12;

/// A serialized `ConfigProto { graph_options { rewrite_options { remapping: OFF } } }`.
const REMAPPING_OFF: [u8; 6] = [0x52, 4, 0x52, 2, 0x70, 2];

/// How to load a SavedModel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadOptions {
    /// The tags of the graph to load, all of them. `["serve"]` by default.
    pub tags: Vec<String>,
    /// A serialized `tensorflow.ConfigProto`: threads, devices, memory. `None` takes TensorFlow's
    /// defaults.
    pub config: Option<Vec<u8>>,
    /// Leaves TensorFlow's remapper on for small dense models too, where it only costs time. `false`
    /// by default; a `config` with graph options of its own is used as it is in any case.
    pub always_remap: bool,
}

impl LoadOptions {
    /// Whether the session starts threads of its own, which inherit the priority of the thread that loads; `ConfigProto`'s
    /// `use_per_session_threads` and `session_inter_op_thread_pool`.
    pub fn has_own_threads(&self) -> bool {
        self.says(|field| {
            matches!(
                field,
                (USE_PER_SESSION_THREADS, Value::Varint(1..))
                    | (SESSION_INTER_OP_THREAD_POOL, Value::Bytes(_))
            )
        })
    }

    /// Whether graph options are ours to choose, and a second session costs no threads.
    pub(crate) fn may_choose(&self) -> bool {
        let has_graph_options = self.says(|field| field.0 == GRAPH_OPTIONS);
        !(self.always_remap || has_graph_options || self.has_own_threads())
    }

    /// The session's config with the remapper off.
    pub(crate) fn unfused_config(&self) -> Vec<u8> {
        // Serialized messages one after the other are one message.
        let config = self.config.as_deref().unwrap_or_default();
        [config, &REMAPPING_OFF].concat()
    }

    fn says(&self, what: impl Fn((u32, Value<'_>)) -> bool) -> bool {
        let config = self.config.as_deref().unwrap_or_default();
        Fields::new(config).any(|field| field.is_ok_and(&what))
    }
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            tags: vec![SERVE_TAG.to_owned()],
            config: None,
            always_remap: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LoadOptions;

    fn with(config: &[u8]) -> LoadOptions {
        let config = Some(config.to_vec());
        LoadOptions {
            config,
            ..LoadOptions::default()
        }
    }

    #[test]
    fn a_config_with_graph_options_or_threads_of_its_own_is_left_alone() {
        assert!(LoadOptions::default().may_choose());
        // intra_op_parallelism_threads = 1
        assert!(with(&[0x10, 1]).may_choose());
        // graph_options { }
        assert!(!with(&[0x10, 1, 0x52, 0]).may_choose());
        // use_per_session_threads
        assert!(!with(&[0x48, 1]).may_choose());
        let always = LoadOptions {
            always_remap: true,
            ..LoadOptions::default()
        };
        assert!(!always.may_choose());
    }

    #[test]
    fn the_unfused_config_keeps_what_was_asked_for() {
        let expected = [0x10, 1, 0x52, 4, 0x52, 2, 0x70, 2];
        assert_eq!(with(&[0x10, 1]).unfused_config(), expected);
    }
}
