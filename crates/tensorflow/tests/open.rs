//! Opening: what is refused, with which words, and what is warned of. One test, in order: a process
//! holds one library.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of a test fail and speak as it does"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use servable_tensorflow::{
    Library, LoadOptions, OpenError, OpenOptions, RunOptions, SavedModel, Warning, code,
};
use support::made;

/// Compiles a shared library out of one C text. `None`, said aloud, without a C compiler.
fn fake(dir: &Path, name: &str, source: &str) -> Option<PathBuf> {
    compile(dir, name, source, &[])
}

/// As [`fake`], linked with another library.
fn compile(dir: &Path, name: &str, source: &str, link: &[&str]) -> Option<PathBuf> {
    fs::create_dir_all(dir).unwrap();
    let (text, file) = (dir.join("fake.c"), dir.join(name));
    fs::write(&text, source).unwrap();
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-o"])
        .arg(&file)
        .arg(&text)
        .args(link);
    match compiler.status() {
        Ok(status) if status.success() => Some(fs::canonicalize(file).unwrap()),
        other => {
            eprintln!("not tried, no working C compiler `cc` for {name}: {other:?}");
            None
        }
    }
}

fn refusal(path: &Path) -> OpenError {
    Library::open(path, &OpenOptions::default()).expect_err("refused")
}

#[test]
fn libraries_are_refused_in_words_that_name_them_until_the_right_one_opens() {
    let dir = support::empty_dir("open");
    assert!(Library::current().is_none());

    let missing = refusal(&dir.join("nowhere"));
    assert!(matches!(missing, OpenError::NotFound { .. }), "{missing}");
    assert!(
        missing
            .to_string()
            .contains("nowhere: no TensorFlow library here"),
        "{missing}"
    );
    assert_eq!(missing.code(), code::NOT_FOUND);
    assert!(
        matches!(refusal(&dir), OpenError::NotFound { .. }),
        "an empty folder"
    );

    let text = dir.join("text.so");
    fs::write(&text, "not a library").unwrap();
    let error = refusal(&text);
    assert!(matches!(error, OpenError::NotLoadable { .. }), "{error}");
    assert!(
        error.to_string().contains("text.so: cannot be loaded: "),
        "{error}"
    );

    if let Some(path) = fake(&dir, "foreign.so", "int nothing(void) { return 0; }") {
        let error = refusal(&path);
        assert_eq!(error, OpenError::Foreign { path: path.clone() });
        let words = format!(
            "{}: not a TensorFlow library, it does not export TF_Version",
            path.display()
        );
        assert_eq!(error.to_string(), words);
    }
    for (version, verdict) in [
        ("2.4.0", "too old"),
        ("2.13.1", "too old"),
        ("3.0.0", "too new"),
        ("x", "not a version"),
    ] {
        let source = format!("const char* TF_Version(void) {{ return \"{version}\"; }}");
        if let Some(path) = fake(&dir, &format!("fake-{version}.so"), &source) {
            let words = format!(
                "{}: TensorFlow {version} is {verdict}, need 2.14 or newer, below 3",
                path.display()
            );
            assert_eq!(refusal(&path).to_string(), words);
        }
    }
    let other = fake(
        &dir.join("other"),
        "libtensorflow.so.2",
        "const char* TF_Version(void) { return \"2.15.0\"; }",
    );
    if let Some(path) = &other {
        // By its folder, under the name of the C archive's library.
        let words = format!(
            "{}: TensorFlow 2.15.0 does not export TF_NewStatus",
            path.display()
        );
        assert_eq!(refusal(&dir.join("other")).to_string(), words);
    }
    assert!(
        Library::current().is_none(),
        "a refused library is not used"
    );

    let library = support::library();
    assert!(library.version().is_supported());
    assert_eq!(library.version_text().split('.').next(), Some("2"));
    assert!(library.path().is_absolute());
    assert!(library.alignment().is_power_of_two());
    let expected: Vec<_> = other
        .clone()
        .map(|path| Warning::AnotherTensorFlow { path })
        .into_iter()
        .collect();
    assert_eq!(library.warnings(), expected);
    if let [warning] = library.warnings() {
        assert!(
            warning
                .to_string()
                .contains("libtensorflow.so.2: another TensorFlow is loaded"),
            "{warning}"
        );
    }

    assert!(
        std::ptr::eq(library, support::library()),
        "the same file is the same library"
    );
    assert!(std::ptr::eq(library, Library::current().unwrap()));
    let error = refusal(&text);
    assert_eq!(
        error,
        OpenError::AlreadyOpen {
            path: fs::canonicalize(&text).unwrap(),
            open: library.path().into()
        }
    );

    let error = library.load_op_library(&dir.join("no_ops.so")).unwrap_err();
    assert!(error.message.contains("no_ops.so"), "{error}");
    assert_ne!(error.code, code::OK);
    custom_ops_work_after_their_library_is_loaded(library, &dir);
}

/// Registers an op that gives back what it gets, with its kernel, through TensorFlow's C API.
const OP_LIBRARY: &str = r#"
typedef struct Builder Builder;
typedef struct Status Status;
extern Status* TF_NewStatus(void);
extern Builder* TF_NewOpDefinitionBuilder(const char* name);
extern void TF_OpDefinitionBuilderAddInput(Builder*, const char* spec);
extern void TF_OpDefinitionBuilderAddOutput(Builder*, const char* spec);
extern void TF_RegisterOpDefinition(Builder*, Status*);
typedef struct Shapes Shapes;
extern void TF_OpDefinitionBuilderSetShapeInferenceFunction(Builder*, void (*)(Shapes*, Status*));
extern void TF_ShapeInferenceContextSetUnknownShape(Shapes*, Status*);
typedef struct Context Context;
typedef struct Tensor Tensor;
typedef struct Kernel Kernel;
extern Kernel* TF_NewKernelBuilder(const char* op, const char* device, void* (*create)(void*),
                                   void (*compute)(void*, Context*), void (*destroy)(void*));
extern void TF_RegisterKernelBuilder(const char* name, Kernel*, Status*);
extern void TF_GetInput(Context*, int, Tensor**, Status*);
extern void TF_SetOutput(Context*, int, const Tensor*, Status*);
extern void TF_DeleteTensor(Tensor*);
extern void TF_DeleteStatus(Status*);
static void compute(void* kernel, Context* context) {
  Status* status = TF_NewStatus();
  Tensor* tensor;
  TF_GetInput(context, 0, &tensor, status);
  TF_SetOutput(context, 0, tensor, status);
  TF_DeleteTensor(tensor);
  TF_DeleteStatus(status);
}
__attribute__((constructor)) static void start(void) {
  Builder* builder = TF_NewOpDefinitionBuilder("ServableTestOp");
  TF_OpDefinitionBuilderAddInput(builder, "x: float");
  TF_OpDefinitionBuilderAddOutput(builder, "y: float");
  TF_OpDefinitionBuilderSetShapeInferenceFunction(builder, TF_ShapeInferenceContextSetUnknownShape);
  Status* status = TF_NewStatus();
  TF_RegisterOpDefinition(builder, status);
  TF_RegisterKernelBuilder("ServableTestOp", TF_NewKernelBuilder("ServableTestOp", "CPU", 0, compute, 0), status);
  TF_DeleteStatus(status);
}
"#;

fn custom_ops_work_after_their_library_is_loaded(library: &'static Library, dir: &Path) {
    // Libraries of ops find TensorFlow by depending on the part of it that holds the registry, as TensorFlow's own tools link
    // them. The linker only writes the name down, so a stand-in of that name does; our own copy has no section table to link by.
    let registry = library
        .path()
        .with_file_name("libtensorflow_framework.so.2");
    let registry = if registry.exists() {
        registry
    } else {
        library.path().to_path_buf()
    };
    let name = registry.file_name().and_then(|name| name.to_str()).unwrap();
    let soname = format!("-Wl,-soname,{name}");
    let Some(stand_in) = compile(dir, "stand-in.so", "", &[&soname]) else {
        return;
    };
    let link = ["-Wl,--no-as-needed", stand_in.to_str().unwrap()];
    let Some(path) = compile(dir, "ops.so", OP_LIBRARY, &link) else {
        return;
    };
    let nodes = [
        made::placeholder("x", 1),
        made::node("y", "ServableTestOp", &["x"], &[]),
    ];
    let model = made::save("custom-op", &nodes, &[]);
    let load = || SavedModel::load(library, &model, &LoadOptions::default());
    let error = load().unwrap_err();
    assert!(error.message.contains("ServableTestOp"), "{error}");
    library.load_op_library(&path).unwrap();
    let model = load().expect("the op is known now");
    let plan = model.plan(&["x:0"], &["y:0"]).unwrap();
    let input = support::floats(&[2], &[1.0, 2.0]);
    let outputs = model.run(&plan, &[&input], &RunOptions::inline()).unwrap();
    assert_eq!(support::as_floats(&outputs[0]), [1.0, 2.0]);
    // Nobody but the op itself could say whether it keeps its input; TensorFlow says that it is not
    // stateful.
    assert!(!plan.keeps_feeds());
}
