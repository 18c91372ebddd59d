//! Tensors: every dtype through a graph, strings, who owns which memory, and what is refused.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use servable_tensorflow::{LoadOptions, RunOptions, SavedModel, Tensor, base_dtype, code};
use support::{Placed, library, made};

/// Name, number and bytes of an element.
const DTYPES: &[(&str, i32, usize)] = &[
    ("float32", 1, 4),
    ("float64", 2, 8),
    ("int32", 3, 4),
    ("uint8", 4, 1),
    ("int16", 5, 2),
    ("int8", 6, 1),
    ("complex64", 8, 8),
    ("int64", 9, 8),
    ("bool", 10, 1),
    ("bfloat16", 14, 2),
    ("uint16", 17, 2),
    ("float16", 19, 2),
    ("uint32", 22, 4),
    ("uint64", 23, 8),
];

fn pattern(length: usize) -> Vec<u8> {
    // 0 and 1 only, so that every byte is a valid bool as well.
    (0..length).map(|i| u8::from(i % 3 == 0)).collect()
}

#[test]
fn every_dtype_comes_back_as_it_went_in() {
    let model = support::load("echo/1");
    for (name, dtype, size) in DTYPES {
        for (signature, shape) in [
            ("echo_", &[3, 2][..]),
            ("flat_", &[5]),
            ("flat_", &[0]),
            ("scalar_", &[]),
        ] {
            let signature = format!("{signature}{name}");
            let count = shape.iter().product::<i64>() as usize;
            let bytes = pattern(count * size);
            let input =
                Tensor::from_bytes(library(), *dtype, shape, Placed::new(&bytes, 0)).unwrap();
            assert_eq!(
                (input.dtype(), input.shape(), input.len()),
                (*dtype, shape, count),
                "{signature}"
            );
            let outputs = model
                .run(
                    &support::plan(&model, &signature),
                    &[&input],
                    &RunOptions::inline(),
                )
                .unwrap();
            assert_eq!(
                (outputs[0].dtype(), outputs[0].shape()),
                (*dtype, shape),
                "{signature}"
            );
            assert_eq!(outputs[0].bytes(), bytes, "{signature}");
            assert_eq!(
                outputs[0].bytes().as_ptr().align_offset(*size),
                0,
                "{signature}"
            );
        }
    }
}

#[test]
fn quantised_and_other_rare_dtypes_pass_through_as_raw_bytes() {
    // qint8, quint8, qint32, qint16, quint16, complex128, float8_e5m2, float8_e4m3fn, int4, uint4
    let dtypes = [11, 12, 13, 15, 16, 18, 24, 25, 29, 30];
    for dtype in dtypes {
        let nodes = [
            made::placeholder("x", dtype),
            made::node("y", "Identity", &["x"], &[("T", made::dtype(dtype))]),
        ];
        let dir = made::save(&format!("dtype-{dtype}"), &nodes, &[]);
        let model = match SavedModel::load(library(), &dir, &LoadOptions::default()) {
            Err(error) if error.message.contains("invalid DataType") && dtype >= 29 => {
                eprintln!(
                    "not tried: TensorFlow {} does not know dtype {dtype}",
                    library().version()
                );
                continue;
            }
            model => model.unwrap(),
        };
        let size = library().element_size(dtype).expect("a fixed size");
        let bytes = pattern(4 * size);
        let plan = model.plan(&["x:0"], &["y:0"]).unwrap();
        let input = Tensor::from_bytes(library(), dtype, &[2, 2], Placed::new(&bytes, 0)).unwrap();
        let outputs = model.run(&plan, &[&input], &RunOptions::pooled()).unwrap();
        assert_eq!(
            (outputs[0].dtype(), outputs[0].bytes()),
            (dtype, &bytes[..])
        );
    }
}

#[test]
fn strings_of_every_length_and_content_come_back() {
    // 22 bytes are the most that lie in the element itself.
    let long = vec![b'l'; 100_000];
    let of = |length| vec![b's'; length];
    let elements = [
        vec![],
        of(1),
        of(21),
        of(22),
        of(23),
        of(24),
        b"a\0b\0".to_vec(),
        vec![0xff, 0xfe, 0],
        "höhe ☃".into(),
        long,
    ];
    let given = || elements.iter().map(Vec::as_slice);
    let input = Tensor::from_strings(library(), &[5, 2], given()).unwrap();
    assert!(input.strings().unwrap().iter().eq(given()));
    assert_eq!(
        input.bytes(),
        [],
        "the memory of strings is not their value"
    );

    let flat = Tensor::from_strings(library(), &[10], given()).unwrap();
    let model = support::load("strings/1");
    for options in [RunOptions::inline(), RunOptions::pooled()] {
        let outputs = model
            .run(&support::plan(&model, "bytes_echo"), &[&flat], &options)
            .unwrap();
        let strings = outputs[0].strings().unwrap();
        assert_eq!((strings.len(), outputs[0].shape()), (10, &[10][..]));
        assert!(strings.iter().eq(given()));
        assert_eq!(strings.get(6), b"a\0b\0");
    }
    let outputs = model
        .run(
            &support::plan(&model, "serving_default"),
            &[&flat],
            &RunOptions::inline(),
        )
        .unwrap();
    // length, raw_bytes, upper: sorted.
    let doubled = elements.iter().map(|element| element.repeat(2));
    assert!(outputs[1].strings().unwrap().iter().eq(doubled));
    let none = Tensor::from_strings(library(), &[0], []).unwrap();
    assert!(none.strings().unwrap().is_empty() && none.is_empty());
    let scalar = Tensor::from_strings(library(), &[], [&b"one"[..]]).unwrap();
    assert_eq!(scalar.strings().unwrap().get(0), b"one");
}

#[test]
fn strings_outlive_their_input_and_their_model() {
    let model = support::load("strings/1");
    let plan = support::plan(&model, "bytes_echo");
    let words = ["short", "a word that is longer than twenty-two bytes"];
    let input =
        Tensor::from_strings(library(), &[2], words.iter().map(|word| word.as_bytes())).unwrap();
    let output = model
        .run(&plan, &[&input], &RunOptions::inline())
        .unwrap()
        .remove(0);
    drop((input, plan, model));
    assert!(
        output
            .strings()
            .unwrap()
            .iter()
            .eq(words.iter().map(|word| word.as_bytes()))
    );
}

#[test]
fn aligned_input_is_used_where_it_lies_and_identity_gives_the_same_memory_back() {
    let model = support::load("echo/1");
    let plan = support::plan(&model, "flat_float32");
    let owner = Placed::new(&pattern(4000), 0);
    let address = owner.address();
    let input = Tensor::from_bytes(library(), 1, &[1000], owner).unwrap();
    assert!(!input.was_copied());
    assert_eq!(input.bytes().as_ptr(), address, "no copy on the way in");
    let outputs = model.run(&plan, &[&input], &RunOptions::inline()).unwrap();
    assert_eq!(
        outputs[0].bytes().as_ptr(),
        address,
        "nor through the graph and out"
    );
}

#[test]
fn misaligned_input_is_copied_once_and_counted() {
    let before = servable_tensorflow::copies();
    let bytes = pattern(4000);
    for offset in [1, 4, 8] {
        let input = Tensor::from_bytes(library(), 1, &[1000], Placed::new(&bytes, offset)).unwrap();
        assert!(input.was_copied(), "{offset}");
        assert_eq!(input.bytes(), bytes);
        assert_eq!(
            input.bytes().as_ptr().align_offset(library().alignment()),
            0
        );
    }
    assert!(servable_tensorflow::copies() >= before + 3);
    let empty = Tensor::from_bytes(library(), 1, &[0], Vec::new()).unwrap();
    assert!(!empty.was_copied() && empty.bytes().is_empty());
}

/// Counts its drop.
struct Counted(Placed, Arc<AtomicUsize>);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn the_owner_lives_until_the_last_tensor_over_its_memory_is_gone() {
    let model = support::load("echo/1");
    let plan = support::plan(&model, "flat_float32");
    let drops = Arc::new(AtomicUsize::new(0));
    let counted = |offset| Counted(Placed::new(&pattern(400), offset), Arc::clone(&drops));
    let input = Tensor::from_bytes(library(), 1, &[100], counted(0)).unwrap();
    let output = model
        .run(&plan, &[&input], &RunOptions::inline())
        .unwrap()
        .remove(0);
    drop(input);
    drop((plan, model));
    assert_eq!(
        drops.load(Ordering::SeqCst),
        0,
        "the output stands on the input's memory"
    );
    assert_eq!(output.bytes(), pattern(400));
    std::thread::spawn(move || drop(output)).join().unwrap();
    assert_eq!(drops.load(Ordering::SeqCst), 1, "dropped on another thread");

    drop(Tensor::from_bytes(library(), 1, &[100], counted(4)).unwrap());
    assert_eq!(drops.load(Ordering::SeqCst), 2, "copied");
    Tensor::from_bytes(library(), 1, &[99], counted(0)).unwrap_err();
    assert_eq!(drops.load(Ordering::SeqCst), 3, "refused");
}

#[test]
fn a_panic_in_an_owner_stays_in_the_deallocator() {
    struct Panics(Placed);
    impl AsRef<[u8]> for Panics {
        fn as_ref(&self) -> &[u8] {
            self.0.as_ref()
        }
    }
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    drop(Tensor::from_bytes(library(), 1, &[1], Panics(Placed::new(&[0; 4], 0))).unwrap());
}

#[test]
fn impossible_tensors_are_refused() {
    let refused = |dtype, shape: &[i64], length| {
        let error = Tensor::from_bytes(library(), dtype, shape, vec![0; length]).unwrap_err();
        assert_eq!(error.code, code::INVALID_ARGUMENT, "{error}");
        error.message
    };
    assert_eq!(
        refused(1, &[3], 8),
        "a tensor of dtype 1 and shape [3] has 12 bytes, got 8"
    );
    assert_eq!(refused(1, &[-1], 4), "shape [-1] has a negative dimension");
    assert_eq!(
        refused(1, &[1 << 40, 1 << 40], 4),
        "shape [1099511627776, 1099511627776] is too large"
    );
    assert!(refused(2, &[1 << 61], 4).contains("too large"));
    assert!(refused(1, &[1; 255], 4).contains("at most 254 dimensions"));
    for dtype in [0, -1, 7, 20, 21, 9999] {
        assert!(refused(dtype, &[1], 4).contains("no elements of a fixed size"));
    }
    let error = Tensor::from_strings(library(), &[2], [&b"one"[..]]).unwrap_err();
    assert_eq!(
        error.message,
        "a string tensor of shape [2] has 2 elements, got 1"
    );
    assert!(Tensor::from_strings(library(), &[1], [&b"one"[..], b"two"]).is_err());
    assert!(Tensor::from_strings(library(), &[1 << 61], []).is_err());
}

#[test]
fn ref_dtypes_count_as_their_base() {
    assert_eq!(base_dtype(101), 1);
    assert_eq!(base_dtype(7), 7);
    let tensor = Tensor::from_bytes(library(), 101, &[1], Placed::new(&[0; 4], 0)).unwrap();
    assert_eq!(tensor.dtype(), 1);
}
