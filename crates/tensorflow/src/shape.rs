//! Which shapes TensorFlow accepts: it ends the process over one that it does not.

use std::ffi::c_int;

use crate::error::Error;

/// TensorFlow's limit.
const MAX_RANK: usize = 254;

/// The number of dimensions of a shape that [`element_count`] has accepted.
pub(crate) fn rank(shape: &[i64]) -> c_int {
    c_int::try_from(shape.len()).expect("the rank was checked")
}

pub(crate) fn too_large(shape: &[i64]) -> Error {
    Error::invalid_argument(format!("shape {shape:?} is too large"))
}

/// The number of elements of a shape.
pub(crate) fn element_count(shape: &[i64]) -> Result<usize, Error> {
    if shape.len() > MAX_RANK {
        let text = format!(
            "a tensor has at most {MAX_RANK} dimensions, got {}",
            shape.len()
        );
        return Err(Error::invalid_argument(text));
    }
    let mut count: i64 = 1;
    // TensorFlow multiplies in order, so a zero must not hide an overflow before it: count without
    // the zeros first.
    for &size in shape {
        if size < 0 {
            return Err(Error::invalid_argument(format!(
                "shape {shape:?} has a negative dimension"
            )));
        }
        count = count
            .checked_mul(size.max(1))
            .ok_or_else(|| too_large(shape))?;
    }
    if shape.contains(&0) {
        return Ok(0);
    }
    usize::try_from(count).map_err(|_| too_large(shape))
}

#[cfg(test)]
mod tests {
    use super::element_count;

    #[test]
    fn shapes_are_counted_and_impossible_ones_refused() {
        assert_eq!(element_count(&[]), Ok(1));
        assert_eq!(element_count(&[2, 3]), Ok(6));
        assert_eq!(element_count(&[2, 0, 3]), Ok(0));
        assert_eq!(element_count(&[1; 254]), Ok(1));
        let (huge, ranks) = (1 << 40, [1; 255]);
        for refused in [
            &[-1][..],
            &[i64::MAX, 2],
            &[huge, huge, 0],
            &[0, huge, huge],
            &ranks,
        ] {
            assert!(element_count(refused).is_err(), "{refused:?}");
        }
    }
}
