//! JPEG and PNG bodies for signatures with one image input.
//!
//! The rules, so that a client can reproduce them: the picture is converted to the input's number of channels (1 grey by
//! Rec. 709 weights, 3 RGB, 4 RGBA; alpha is dropped, not blended; 16 bits become 8; EXIF's orientation is not applied) and
//! scaled to the input's height and width where these are fixed (bilinear with the filter widened when it shrinks, as in
//! Pillow; the aspect ratio is not kept). Its values are 0…255 for integer inputs and these divided by 255 for float inputs
//! (`scale=255` keeps 0…255). The shape is `[1, height, width, channels]`, without the 1 for an input of rank 3. A string
//! input gets the file's bytes as they are.

use std::io::Cursor;

use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, ImageReader, Limits};

use super::single_input;
use crate::float16::{bfloat16_from_f64, half_from_f64};
use crate::{
    AlignedBuf, DType, DecodedTensor, Error, Result, Shape, SignatureSpec, StringColumn,
    TensorData, TensorInfo,
};

/// How an image body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageOptions {
    /// Values of float inputs stay 0…255 instead of 0…1.
    pub keep_scale: bool,
    /// The most pixels of a picture, as it comes and as the input wants it; checked before any of them is decoded.
    pub max_pixels: u64,
}

impl Default for ImageOptions {
    fn default() -> Self {
        ImageOptions {
            keep_scale: false,
            max_pixels: 1 << 26,
        }
    }
}

/// What an input wants of a picture.
struct Wanted {
    rank: usize,
    height: Option<u32>,
    width: Option<u32>,
    channels: u32,
}

/// Reads a body as the only input of `signature`.
///
/// # Errors
/// `INVALID_ARGUMENT` when the input is no image input, the file is no JPEG or PNG, is cut or damaged, or has too many
/// pixels.
pub fn decode<'b>(
    body: &'b [u8],
    signature: &SignatureSpec,
    options: &ImageOptions,
) -> Result<DecodedTensor<'b>> {
    let input = single_input(signature, "image")?;
    if input.dtype == DType::STRING {
        return encoded(body, input);
    }
    let wanted = wanted(input)?;
    let levels = Levels::new(input, options.keep_scale)?;
    let picture = read(body, options.max_pixels)?;
    let height = wanted.height.unwrap_or(picture.height());
    let width = wanted.width.unwrap_or(picture.width());
    // A side that follows the picture can be long beside one that is fixed.
    check_size(width, height, options.max_pixels)?;
    let picture = if (height, width) == (picture.height(), picture.width()) {
        picture
    } else {
        picture.resize_exact(width, height, FilterType::Triangle)
    };
    let shape: Shape = [
        1,
        i64::from(picture.height()),
        i64::from(picture.width()),
        i64::from(wanted.channels),
    ]
    .into_iter()
    .skip(4 - wanted.rank)
    .collect();
    let values = match wanted.channels {
        1 => picture.into_luma8().into_raw(),
        3 => picture.into_rgb8().into_raw(),
        _ => picture.into_rgba8().into_raw(),
    };
    Ok(DecodedTensor {
        dtype: input.dtype,
        shape,
        data: TensorData::Owned(levels.spread(&values)),
    })
}

/// The file itself, for a model that decodes it.
fn encoded<'b>(body: &'b [u8], input: &TensorInfo) -> Result<DecodedTensor<'b>> {
    let rank = input.shape.as_ref().map_or(1, Vec::len);
    if rank > 1 {
        return Err(Error::invalid(format!(
            "image body: input \"{}\" is a string tensor of {rank} dimensions, want at most 1",
            input.alias
        )));
    }
    let mut column = StringColumn::new(body);
    column.push_source(0, body.len());
    let shape = std::iter::repeat_n(1, rank).collect();
    Ok(DecodedTensor {
        dtype: DType::STRING,
        shape,
        data: TensorData::Strings(column),
    })
}

fn wanted(input: &TensorInfo) -> Result<Wanted> {
    let no_image = || {
        let shape = match &input.shape {
            Some(shape) => format!("shape {shape:?}"),
            None => "no known rank".to_owned(),
        };
        Error::invalid(format!(
            "image body: input \"{}\" has {shape}, want [batch, height, width, 1 | 3 | 4] or one without the batch",
            input.alias
        ))
    };
    let shape = input.shape.as_deref().unwrap_or(&[]);
    let [height, width, channels] = match *shape {
        [batch, height, width, channels] if batch == 1 || batch < 0 => [height, width, channels],
        [height, width, channels] => [height, width, channels],
        _ => return Err(no_image()),
    };
    let channels = match channels {
        1 | 3 | 4 => channels as u32,
        free if free < 0 => 3,
        _ => return Err(no_image()),
    };
    let side = |size: i64| u32::try_from(size).ok().filter(|&size| size > 0);
    Ok(Wanted {
        rank: shape.len(),
        height: side(height),
        width: side(width),
        channels,
    })
}

fn read(body: &[u8], max_pixels: u64) -> Result<DynamicImage> {
    let format = match body {
        [0xff, 0xd8, 0xff, ..] => ImageFormat::Jpeg,
        [0x89, b'P', b'N', b'G', ..] => ImageFormat::Png,
        _ => return Err(Error::invalid("image body: neither a JPEG nor a PNG file")),
    };
    let broken = |error: image::ImageError| Error::invalid(format!("image body: {error}"));
    let (width, height) = ImageReader::with_format(Cursor::new(body), format)
        .into_dimensions()
        .map_err(broken)?;
    check_size(width, height, max_pixels)?;
    if format == ImageFormat::Jpeg && !jpeg_ends(body) {
        return Err(Error::invalid("image body: the JPEG file is cut short"));
    }
    let mut reader = ImageReader::with_format(Cursor::new(body), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(max_pixels.saturating_mul(16));
    reader.limits(limits);
    reader.decode().map_err(broken)
}

fn check_size(width: u32, height: u32, max_pixels: u64) -> Result<()> {
    let pixels = u64::from(width) * u64::from(height);
    if (1..=max_pixels).contains(&pixels) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "image body: {width}×{height} pixels, at most {max_pixels} are taken"
    )))
}

/// Whether a JPEG's picture ends: the decoder fills what is missing with grey instead of saying so.
fn jpeg_ends(body: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
    // Segments in front of the picture may hold other pictures, with ends of their own.
    let mut at = 2;
    while let Some(&[0xff, kind, high, low]) = body.get(at..at + 4) {
        if kind == START_OF_SCAN {
            return body[at..].windows(2).any(|pair| pair == END_OF_IMAGE);
        }
        // Any number of 0xff may stand in front of a marker.
        at += if kind == 0xff {
            1
        } else {
            2 + usize::from(u16::from_be_bytes([high, low]))
        };
    }
    false
}

/// What each of the 256 values of a channel is as an element of the input.
struct Levels {
    size: usize,
    bytes: Vec<u8>,
}

impl Levels {
    fn new(input: &TensorInfo, keep_scale: bool) -> Result<Self> {
        let divisor = if keep_scale { 1.0 } else { 255.0 };
        let element = |value: u8| -> Option<Vec<u8>> {
            let whole = i64::from(value);
            let real = f64::from(value) / divisor;
            Some(match input.dtype {
                DType::UINT8 => vec![value],
                DType::INT32 => (whole as i32).to_ne_bytes().to_vec(),
                DType::INT64 => whole.to_ne_bytes().to_vec(),
                DType::FLOAT => (real as f32).to_ne_bytes().to_vec(),
                DType::DOUBLE => real.to_ne_bytes().to_vec(),
                DType::HALF => half_from_f64(real).to_ne_bytes().to_vec(),
                DType::BFLOAT16 => bfloat16_from_f64(real).to_ne_bytes().to_vec(),
                _ => return None,
            })
        };
        let bytes: Option<Vec<Vec<u8>>> = (0..=u8::MAX).map(element).collect();
        let bytes = bytes.ok_or_else(|| {
            Error::invalid(format!(
                "image body: input \"{}\" is {}, want a float type, uint8, int32, int64 or string",
                input.alias, input.dtype
            ))
        })?;
        Ok(Levels {
            size: bytes[0].len(),
            bytes: bytes.concat(),
        })
    }

    fn spread(&self, values: &[u8]) -> AlignedBuf {
        match self.size {
            1 => AlignedBuf::from(values),
            2 => self.spread_as::<2>(values),
            4 => self.spread_as::<4>(values),
            _ => self.spread_as::<8>(values),
        }
    }

    fn spread_as<const N: usize>(&self, values: &[u8]) -> AlignedBuf {
        let (levels, _) = self.bytes.as_chunks::<N>();
        let mut buf = AlignedBuf::with_capacity(values.len() * N);
        for &value in values {
            buf.push(levels[usize::from(value)]);
        }
        buf
    }
}
