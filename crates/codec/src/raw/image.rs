//! JPEG and PNG bodies for signatures with one image input.
//!
//! The rules, so that a client can reproduce them: the picture is converted to the input's number of channels (1 grey,
//! 3 RGB, 4 RGBA; alpha is dropped, not blended), scaled to the input's height and width where these are fixed
//! (bilinear, the aspect ratio is not kept), and its values are 0…255 for integer inputs and 0…1 for float inputs
//! (`scale=255` keeps 0…255). The shape is `[1, height, width, channels]`, without the 1 for an input of rank 3. A string
//! input gets the file's bytes as they are.

use std::io::Cursor;

use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, ImageReader, Limits};

use super::single_input;
use crate::{
    AlignedBuf, DType, DecodedTensor, Error, Result, Shape, SignatureSpec, StringColumn,
    TensorData, TensorInfo,
};

/// How an image body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageOptions {
    /// Values of float inputs stay 0…255 instead of 0…1.
    pub keep_scale: bool,
    /// The most pixels of a picture, checked before any of them is decoded.
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
    let picture = read(body, options)?;
    let picture = match (
        wanted.height.unwrap_or(picture.height()),
        wanted.width.unwrap_or(picture.width()),
    ) {
        (height, width) if (height, width) == (picture.height(), picture.width()) => picture,
        (height, width) => picture.resize_exact(width, height, FilterType::Triangle),
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
    let data = TensorData::Owned(elements(&values, input, options.keep_scale)?);
    Ok(DecodedTensor {
        dtype: input.dtype,
        shape,
        data,
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
        Error::invalid(format!(
            "image body: input \"{}\" has shape {:?}, want [batch, height, width, 1 | 3 | 4] or one without the batch",
            input.alias,
            input.shape.as_deref().unwrap_or(&[])
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

fn read(body: &[u8], options: &ImageOptions) -> Result<DynamicImage> {
    let format = match body {
        [0xff, 0xd8, 0xff, ..] => ImageFormat::Jpeg,
        [0x89, b'P', b'N', b'G', ..] => ImageFormat::Png,
        _ => return Err(Error::invalid("image body: neither a JPEG nor a PNG file")),
    };
    let broken = |error: image::ImageError| Error::invalid(format!("image body: {error}"));
    let (width, height) = ImageReader::with_format(Cursor::new(body), format)
        .into_dimensions()
        .map_err(broken)?;
    let pixels = u64::from(width) * u64::from(height);
    if pixels > options.max_pixels || pixels == 0 {
        return Err(Error::invalid(format!(
            "image body: {width}×{height} pixels, at most {} are taken",
            options.max_pixels
        )));
    }
    let mut reader = ImageReader::with_format(Cursor::new(body), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(options.max_pixels.saturating_mul(16));
    reader.limits(limits);
    reader.decode().map_err(broken)
}

fn elements(values: &[u8], input: &TensorInfo, keep_scale: bool) -> Result<AlignedBuf> {
    let factor = if keep_scale { 1.0 } else { 1.0 / 255.0 };
    let mut buf = AlignedBuf::new();
    match input.dtype {
        DType::UINT8 => buf.extend_from_slice(values),
        DType::INT32 => values
            .iter()
            .for_each(|&v| buf.push(i32::from(v).to_ne_bytes())),
        DType::INT64 => values
            .iter()
            .for_each(|&v| buf.push(i64::from(v).to_ne_bytes())),
        DType::FLOAT => {
            buf.reserve(values.len() * 4);
            values
                .iter()
                .for_each(|&v| buf.push((f32::from(v) * factor as f32).to_ne_bytes()));
        }
        DType::DOUBLE => values
            .iter()
            .for_each(|&v| buf.push((f64::from(v) * factor).to_ne_bytes())),
        other => {
            return Err(Error::invalid(format!(
                "image body: input \"{}\" is {other}, want float, double, uint8, int32, int64 or string",
                input.alias
            )));
        }
    }
    Ok(buf)
}
