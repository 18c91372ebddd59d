//! Image bodies: sizes, channels, scales, and files that are cut, damaged or too large.
#![allow(clippy::unwrap_used, reason = "tests may")]

mod support;

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use proptest::prelude::*;
use servable_codec::raw::image::{ImageOptions, decode};
use servable_codec::{Code, DType, DecodedTensor, Error, SignatureSpec, TensorData, TensorInfo};
use support::raw;

const PLAIN: ImageOptions = ImageOptions {
    keep_scale: false,
    max_pixels: 1 << 16,
};

fn signature(dtype: DType, shape: &[i64]) -> SignatureSpec {
    let mut spec = support::signature(&[("x", dtype)]);
    spec.inputs[0].shape = Some(shape.to_vec());
    spec
}

fn file(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    picture.into().write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// 3 wide and 2 high, every pixel another colour.
fn colours() -> RgbImage {
    RgbImage::from_fn(3, 2, |x, y| Rgb([x as u8 * 100, y as u8 * 200, 7]))
}

fn read<'b>(body: &'b [u8], dtype: DType, shape: &[i64]) -> Result<DecodedTensor<'b>, Error> {
    decode(body, &signature(dtype, shape), &PLAIN)
}

fn refusal(body: &[u8], dtype: DType, shape: &[i64]) -> String {
    let error = read(body, dtype, shape).unwrap_err();
    assert_eq!(error.code, Code::InvalidArgument, "{}", error.message);
    error.message
}

fn floats(tensor: &DecodedTensor<'_>) -> Vec<f32> {
    raw(tensor)
        .chunks_exact(4)
        .map(|c| f32::from_ne_bytes(c.try_into().unwrap()))
        .collect()
}

#[test]
fn a_png_arrives_pixel_by_pixel() {
    let body = file(colours(), ImageFormat::Png);
    let wanted: &[u8] = &[
        0, 0, 7, 100, 0, 7, 200, 0, 7, 0, 200, 7, 100, 200, 7, 200, 200, 7,
    ];
    for (shape, got) in [
        (&[-1, -1, -1, -1][..], &[1, 2, 3, 3][..]),
        (&[-1, 2, 3, 3], &[1, 2, 3, 3]),
        (&[1, -1, 3, 3], &[1, 2, 3, 3]),
        (&[-1, -1, 3], &[2, 3, 3]),
    ] {
        let tensor = read(&body, DType::UINT8, shape).unwrap();
        assert_eq!((tensor.shape.as_slice(), raw(&tensor)), (got, wanted));
    }
}

#[test]
fn values_are_whole_for_integers_and_parts_of_one_for_floats() {
    let body = file(colours(), ImageFormat::Png);
    let shape = [-1, -1, -1, 3];
    let bytes = raw(&read(&body, DType::UINT8, &shape).unwrap()).to_vec();
    let wide = |dtype: DType| raw(&read(&body, dtype, &shape).unwrap()).to_vec();
    let all = |of: &dyn Fn(u8) -> Vec<u8>| bytes.iter().flat_map(|&b| of(b)).collect::<Vec<u8>>();
    assert_eq!(
        wide(DType::INT32),
        all(&|b| i32::from(b).to_ne_bytes().to_vec())
    );
    assert_eq!(
        wide(DType::INT64),
        all(&|b| i64::from(b).to_ne_bytes().to_vec())
    );
    // What numpy makes of `pixels / 255`, to the bit.
    assert_eq!(
        wide(DType::FLOAT),
        all(&|b| (f32::from(b) / 255.0).to_ne_bytes().to_vec())
    );
    assert_eq!(
        wide(DType::DOUBLE),
        all(&|b| (f64::from(b) / 255.0).to_ne_bytes().to_vec())
    );
    assert_eq!(wide(DType::HALF)[2..6], [0, 0, 0x07, 0x27]);
    assert_eq!(wide(DType::BFLOAT16).len(), bytes.len() * 2);
    let keep = ImageOptions {
        keep_scale: true,
        ..PLAIN
    };
    let kept = decode(&body, &signature(DType::FLOAT, &shape), &keep).unwrap();
    assert_eq!(
        floats(&kept),
        bytes.iter().map(|&b| f32::from(b)).collect::<Vec<_>>()
    );
}

#[test]
fn channels_are_converted_as_the_input_wants_them() {
    let clear = RgbaImage::from_pixel(2, 1, Rgba([10, 20, 30, 0]));
    let clear = file(clear, ImageFormat::Png);
    let grey = file(
        GrayImage::from_raw(2, 1, vec![5, 250]).unwrap(),
        ImageFormat::Png,
    );
    let values = |body: &[u8], channels: i64| {
        raw(&read(body, DType::UINT8, &[-1, -1, -1, channels]).unwrap()).to_vec()
    };
    assert_eq!(values(&clear, 3), [10, 20, 30, 10, 20, 30]);
    assert_eq!(values(&clear, 4), [10, 20, 30, 0, 10, 20, 30, 0]);
    // Rec. 709: 0.2126 × 10 + 0.7152 × 20 + 0.0722 × 30 = 18.6.
    assert_eq!(values(&clear, 1), [19, 19]);
    assert_eq!(values(&grey, 1), [5, 250]);
    assert_eq!(values(&grey, 3), [5, 5, 5, 250, 250, 250]);
    assert_eq!(values(&grey, 4), [5, 5, 5, 255, 250, 250, 250, 255]);
    let deep =
        image::ImageBuffer::<image::Luma<u16>, _>::from_raw(2, 1, vec![0u16, 0xffff]).unwrap();
    assert_eq!(
        values(&file(DynamicImage::from(deep), ImageFormat::Png), 1),
        [0, 255]
    );
}

#[test]
fn a_jpeg_is_read_in_colour_and_in_grey() {
    let red = file(
        RgbImage::from_pixel(16, 8, Rgb([254, 0, 0])),
        ImageFormat::Jpeg,
    );
    let tensor = read(&red, DType::UINT8, &[-1, -1, -1, 3]).unwrap();
    assert_eq!(tensor.shape.as_slice(), [1, 8, 16, 3]);
    for pixel in raw(&tensor).chunks_exact(3) {
        assert!(
            pixel[0] > 245 && pixel[1] < 10 && pixel[2] < 10,
            "{pixel:?}"
        );
    }
    let grey = file(
        GrayImage::from_pixel(8, 8, image::Luma([128])),
        ImageFormat::Jpeg,
    );
    let tensor = read(&grey, DType::FLOAT, &[-1, 8, 8, 1]).unwrap();
    assert!(
        floats(&tensor)
            .iter()
            .all(|v| (v - 128.0 / 255.0).abs() < 0.01)
    );
}

#[test]
fn fixed_sides_scale_the_picture_and_free_ones_follow_it() {
    let body = file(
        GrayImage::from_raw(2, 1, vec![0, 200]).unwrap(),
        ImageFormat::Png,
    );
    for (shape, got) in [
        ([-1, 4, 4, 1], [1, 4, 4, 1]),
        ([-1, 3, -1, 1], [1, 3, 2, 1]),
        ([-1, -1, 5, 1], [1, 1, 5, 1]),
    ] {
        let tensor = read(&body, DType::UINT8, &shape).unwrap();
        assert_eq!(tensor.shape.as_slice(), got);
        assert_eq!(raw(&tensor).len() as i64, got.iter().product::<i64>());
    }
    // Bilinear with the pixels' centres at halves: 0, 1/4, 3/4, 1 of the way.
    let wide = read(&body, DType::UINT8, &[-1, 1, 4, 1]).unwrap();
    assert_eq!(raw(&wide), [0, 50, 150, 200]);
    let small = read(&body, DType::UINT8, &[-1, 1, 1, 1]).unwrap();
    assert_eq!(raw(&small), [100]);
}

#[test]
fn a_string_input_gets_the_file_itself() {
    for (shape, got) in [(Some(&[][..]), &[][..]), (Some(&[-1]), &[1]), (None, &[1])] {
        let mut spec = support::signature(&[("x", DType::STRING)]);
        spec.inputs[0].shape = shape.map(<[i64]>::to_vec);
        let tensor = decode(b"anything", &spec, &PLAIN).unwrap();
        let TensorData::Strings(column) = &tensor.data else {
            panic!("numbers");
        };
        assert_eq!(
            (tensor.shape.as_slice(), column.get(0)),
            (got, &b"anything"[..])
        );
    }
    let message = refusal(b"anything", DType::STRING, &[-1, 1]);
    assert_eq!(
        message,
        "image body: input \"x\" is a string tensor of 2 dimensions, want at most 1"
    );
}

#[test]
fn inputs_that_are_no_images_say_what_they_are() {
    let body = file(colours(), ImageFormat::Png);
    for shape in [
        &[][..],
        &[-1],
        &[-1, 4],
        &[2, -1, -1, 3],
        &[-1, -1, -1, 2],
        &[-1, -1, -1, 3, 1],
    ] {
        let message = refusal(&body, DType::FLOAT, shape);
        let wanted = format!(
            "image body: input \"x\" has shape {shape:?}, want [batch, height, width, 1 | 3 | 4] or one without the batch"
        );
        assert_eq!(message, wanted);
    }
    let unknown = decode(&body, &support::signature(&[("x", DType::FLOAT)]), &PLAIN).unwrap_err();
    assert!(
        unknown
            .message
            .contains("input \"x\" has no known rank, want"),
        "{}",
        unknown.message
    );
    assert_eq!(
        refusal(&body, DType::BOOL, &[-1, -1, -1, 3]),
        "image body: input \"x\" is bool, want a float type, uint8, int32, int64 or string"
    );
    let mut two = signature(DType::FLOAT, &[-1, -1, -1, 3]);
    two.inputs.push(TensorInfo {
        alias: "y".to_owned(),
        dtype: DType::FLOAT,
        shape: None,
    });
    let error = decode(&body, &two, &PLAIN).unwrap_err();
    assert!(
        error
            .message
            .starts_with("image body: signature \"serving_default\" has 2 inputs")
    );
}

#[test]
fn cut_files_are_refused_wherever_they_end() {
    let noise = RgbImage::from_fn(24, 24, |x, y| {
        Rgb([(x * y * 37) as u8, (x * 91) as u8, y as u8])
    });
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let body = file(noise.clone(), format);
        assert!(read(&body, DType::UINT8, &[-1, -1, -1, 3]).is_ok());
        let trailer = if format == ImageFormat::Png { 12 } else { 0 };
        // PNG's last chunk is empty: the picture is whole without it.
        for end in 0..body.len() - trailer {
            let message = refusal(&body[..end], DType::UINT8, &[-1, -1, -1, 3]);
            assert!(message.starts_with("image body: "), "{message}");
        }
    }
}

#[test]
fn other_files_are_refused_at_once() {
    for body in [
        &b""[..],
        b"GIF89a",
        b"\x89PN",
        b"\xff\xd8",
        b"hello",
        b"RIFF\0\0\0\0WEBP",
    ] {
        let message = refusal(body, DType::UINT8, &[-1, -1, -1, 3]);
        assert_eq!(message, "image body: neither a JPEG nor a PNG file");
    }
}

/// A PNG whose header claims a size; its checksum is right.
fn claimed(width: u32, height: u32) -> Vec<u8> {
    let mut body = file(GrayImage::new(1, 1), ImageFormat::Png);
    body[16..20].copy_from_slice(&width.to_be_bytes());
    body[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = u32::MAX;
    for byte in &body[12..29] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    body[29..33].copy_from_slice(&(!crc).to_be_bytes());
    body
}

#[test]
fn too_many_pixels_are_refused_before_they_are_decoded() {
    let shape = [-1, -1, -1, 1];
    let message = refusal(&claimed(65535, 65535), DType::UINT8, &shape);
    assert_eq!(
        message,
        "image body: 65535×65535 pixels, at most 65536 are taken"
    );
    let message = refusal(&claimed(65537, 1), DType::UINT8, &shape);
    assert_eq!(
        message,
        "image body: 65537×1 pixels, at most 65536 are taken"
    );
    let options = ImageOptions::default();
    let spec = signature(DType::UINT8, &shape);
    let message = decode(&claimed(1 << 13, (1 << 13) + 1), &spec, &options)
        .unwrap_err()
        .message;
    assert_eq!(
        message,
        "image body: 8192×8193 pixels, at most 67108864 are taken"
    );
    // A picture that fits, of a size that its data do not fill.
    assert!(refusal(&claimed(200, 200), DType::UINT8, &shape).starts_with("image body: "));
}

#[test]
fn a_long_picture_cannot_blow_up_a_free_side() {
    let long = file(GrayImage::new(1, 10_000), ImageFormat::Png);
    let message = refusal(&long, DType::UINT8, &[-1, -1, 224, 1]);
    assert_eq!(
        message,
        "image body: 224×10000 pixels, at most 65536 are taken"
    );
    let message = refusal(&long, DType::UINT8, &[-1, 4096, 4096, 1]);
    assert_eq!(
        message,
        "image body: 4096×4096 pixels, at most 65536 are taken"
    );
}

proptest! {
    #[test]
    fn any_bytes_end_in_an_answer(bytes: Vec<u8>) {
        for start in [&b""[..], b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"] {
            let _ = read(&[start, &bytes].concat(), DType::FLOAT, &[-1, 8, 8, 3]);
        }
    }

    #[test]
    fn a_damaged_file_ends_in_an_answer(at: prop::sample::Index, byte: u8, jpeg: bool) {
        let format = if jpeg { ImageFormat::Jpeg } else { ImageFormat::Png };
        let mut body = file(colours(), format);
        let at = at.index(body.len());
        body[at] = byte;
        let _ = read(&body, DType::FLOAT, &[-1, -1, -1, 3]);
    }
}
