//! A second session over a model's graph, with the same variables and another config.

use std::ffi::{CStr, CString};
use std::ptr::NonNull;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::c_api::{TfOperation, TfOutput};
use crate::dense::Variable;
use crate::error::{Error, code};
use crate::graph::Graph;
use crate::library::Library;
use crate::plan::Plan;
use crate::run_options::RunOptions;
use crate::session::Session;
use crate::tensor::Tensor;

const DT_FLOAT: i32 = 1;
const DT_DOUBLE: i32 = 2;

/// The session that has TensorFlow's usual optimizer, opened when it is first needed, which for most models is never.
///
/// Fused ops differ from unfused ones in what does not happen in a healthy run: a fused `Relu` makes 0 of NaN, and errors name other nodes.
/// Such runs are made again here, so that nobody can tell the difference.
pub(crate) struct Twin {
    config: Option<Vec<u8>>,
    variables: Vec<Variable>,
    session: Mutex<Option<Arc<Session>>>,
}

impl Twin {
    pub(crate) fn new(config: Option<Vec<u8>>, variables: Vec<Variable>) -> Self {
        let session = Mutex::new(None);
        Self {
            config,
            variables,
            session,
        }
    }

    /// What the remapper's ops would have answered, where `original` may have answered something else.
    pub(crate) fn settle(
        &self,
        original: &Session,
        plan: &Plan,
        (inputs, options): (&[&Tensor], &RunOptions),
        outcome: Result<Vec<Tensor>, Error>,
    ) -> Result<Vec<Tensor>, Error> {
        if plan.keeps_feeds() {
            // It may have changed variables, and must not do so twice.
            *self.session.lock() = None;
            return outcome;
        }
        let differs = match &outcome {
            Ok(outputs) => outputs.iter().any(has_nan),
            Err(error) => error.code == code::INVALID_ARGUMENT,
        };
        if !differs {
            return outcome;
        }
        self.open(original)?.run(plan, inputs, options)
    }

    fn open(&self, original: &Session) -> Result<Arc<Session>, Error> {
        let mut session = self.session.lock();
        if let Some(open) = &*session {
            return Ok(Arc::clone(open));
        }
        let twin = original.beside(self.config.as_deref())?;
        let copies = (0..)
            .zip(&self.variables)
            .map(|(number, variable)| Copy::of(original.graph(), number, variable))
            .collect::<Result<Vec<_>, _>>()?;
        if !copies.is_empty() {
            let options = RunOptions::inline();
            let reads = original.own_plan(&[], copies.iter().map(|copy| copy.read), &[]);
            let values = original.run(&reads, &[], &options)?;
            let feeds: Vec<TfOutput> = copies.iter().map(|copy| copy.value).collect();
            let targets: Vec<_> = copies.iter().map(|copy| copy.assign).collect();
            let assigns = twin.own_plan(&feeds, [], &targets);
            // Both sessions' variables stand on the same memory, which neither writes to.
            twin.run(&assigns, &values.iter().collect::<Vec<_>>(), &options)?;
        }
        let twin = Arc::new(twin);
        *session = Some(Arc::clone(&twin));
        Ok(twin)
    }
}

/// Whether one of the elements is not a number; those of other types than float and double are.
fn has_nan(tensor: &Tensor) -> bool {
    // The whole tensor is looked at, which is faster than to stop at the first one.
    match tensor.dtype() {
        DT_FLOAT => {
            let (elements, _) = tensor.bytes().as_chunks();
            elements
                .iter()
                .fold(false, |found, it| found | f32::from_ne_bytes(*it).is_nan())
        }
        DT_DOUBLE => {
            let (elements, _) = tensor.bytes().as_chunks();
            elements
                .iter()
                .fold(false, |found, it| found | f64::from_ne_bytes(*it).is_nan())
        }
        _ => false,
    }
}

/// The ops that bring a variable's value over.
struct Copy {
    read: TfOutput,
    value: TfOutput,
    assign: *const TfOperation,
}

impl Copy {
    /// Adds them to the graph, unless they are there.
    fn of(graph: &Graph, number: usize, variable: &Variable) -> Result<Self, Error> {
        let handle = graph
            .operation(&variable.name)
            .ok_or_else(|| Error::internal("a variable is not in the graph"))?;
        let name = |what: &str| format!("servable.twin/{what}/{number}");
        let dtype = variable.dtype;
        let add = |op, what, inputs: &[TfOutput]| match graph.operation(&name(what)) {
            Some(operation) => Ok(operation),
            None => add_operation(graph, op, &name(what), inputs, dtype),
        };
        let handle = output(handle);
        let read = add(c"ReadVariableOp", "read", &[handle])?;
        let value = output(add(c"Placeholder", "value", &[])?);
        let assign = add(c"AssignVariableOp", "assign", &[handle, value])?;
        Ok(Self {
            read: output(read),
            value,
            assign: assign.as_ptr(),
        })
    }
}

fn output(operation: NonNull<TfOperation>) -> TfOutput {
    TfOutput {
        oper: operation.as_ptr(),
        index: 0,
    }
}

/// Adds an op whose only attribute is its `dtype`.
fn add_operation(
    graph: &Graph,
    op: &CStr,
    name: &str,
    inputs: &[TfOutput],
    dtype: i32,
) -> Result<NonNull<TfOperation>, Error> {
    let library: &'static Library = graph.library();
    let api = library.api();
    let name = CString::new(name).map_err(|_| Error::internal("a name with a NUL byte"))?;
    // SAFETY: a live graph, NUL-terminated names, inputs that are outputs of operations of this graph; `finish_operation` takes the
    // description, whatever it answers.
    let operation = crate::status::check(library, |status| unsafe {
        let description = (api.new_operation)(graph.raw(), op.as_ptr(), name.as_ptr());
        for input in inputs {
            (api.add_input)(description, *input);
        }
        (api.set_attr_type)(description, c"dtype".as_ptr(), dtype);
        (api.finish_operation)(description, status)
    })?;
    NonNull::new(operation).ok_or_else(|| Error::internal("TensorFlow added no operation"))
}
