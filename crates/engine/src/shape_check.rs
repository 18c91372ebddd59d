//! Shapes that would end the process are refused before the run.
//!
//! TensorFlow aborts on some shapes (a rank-2 body for a Conv2D model ends in `Check failed` of tensor_format.h), so where a
//! graph has such ops a feed must fit its signature.

use std::fmt::Write;

use servable_codec::{Error, TensorInfo};

/// Which shapes are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InputShapeCheck {
    /// Those that could abort the process: only graphs with layout-dependent ops are checked.
    #[default]
    Auto,
    /// All that contradict the signature.
    Strict,
    /// None, as in TensorFlow Serving.
    Off,
}

impl InputShapeCheck {
    /// Checks one feed. `smallest_rank` is the signature's (see [`crate::runner::Runner::smallest_rank`]).
    ///
    /// # Errors
    /// `InvalidArgument` with the input's name, the wanted and the given shape.
    pub fn check(
        self,
        info: &TensorInfo,
        shape: &[i64],
        smallest_rank: Option<usize>,
    ) -> Result<(), Error> {
        let fits = match (self, smallest_rank) {
            (Self::Off, _) | (Self::Auto, None) => return Ok(()),
            (Self::Strict | Self::Auto, smallest) => match &info.shape {
                Some(wanted) => fits(wanted, shape),
                None => smallest.is_none_or(|rank| shape.len() >= rank),
            },
        };
        if fits {
            return Ok(());
        }
        let wanted = match (&info.shape, smallest_rank) {
            (Some(wanted), _) => format!("shape {}", shape_text(wanted)),
            (None, rank) => format!("a shape of at least {} dimensions", rank.unwrap_or(0)),
        };
        Err(Error::invalid(format!(
            "inputs.{}: expected {wanted}, got {}",
            info.alias,
            shape_text(shape)
        )))
    }
}

fn fits(wanted: &[i64], shape: &[i64]) -> bool {
    wanted.len() == shape.len()
        && wanted
            .iter()
            .zip(shape)
            .all(|(wanted, got)| *wanted < 0 || wanted == got)
}

/// A shape as TensorFlow prints it: `[2,784]`.
pub fn shape_text(shape: &[i64]) -> String {
    let mut text = String::from("[");
    for (axis, dim) in shape.iter().enumerate() {
        if axis > 0 {
            text.push(',');
        }
        let _ = write!(text, "{dim}");
    }
    text.push(']');
    text
}

#[cfg(test)]
mod tests {
    use servable_codec::DType;

    use super::*;

    fn info(shape: Option<&[i64]>) -> TensorInfo {
        TensorInfo {
            alias: "x".into(),
            dtype: DType::FLOAT,
            shape: shape.map(<[i64]>::to_vec),
        }
    }

    #[test]
    fn auto_lets_every_shape_pass_where_no_op_can_abort() {
        let wanted = info(Some(&[-1, 1]));
        assert!(InputShapeCheck::Auto.check(&wanted, &[3], None).is_ok());
        assert!(InputShapeCheck::Off.check(&wanted, &[3], Some(4)).is_ok());
    }

    #[test]
    fn auto_refuses_what_contradicts_the_signature_of_a_graph_with_layout_ops() {
        let wanted = info(Some(&[-1, 28, 28, 1]));
        assert!(
            InputShapeCheck::Auto
                .check(&wanted, &[2, 28, 28, 1], Some(4))
                .is_ok()
        );
        let error = InputShapeCheck::Auto
            .check(&wanted, &[2, 784], Some(4))
            .unwrap_err();
        assert_eq!(
            error.message,
            "inputs.x: expected shape [-1,28,28,1], got [2,784]"
        );
    }

    #[test]
    fn an_unknown_rank_must_have_the_smallest_rank_the_graph_needs() {
        let wanted = info(None);
        assert!(
            InputShapeCheck::Auto
                .check(&wanted, &[1, 2, 3, 4], Some(4))
                .is_ok()
        );
        let error = InputShapeCheck::Auto
            .check(&wanted, &[1], Some(4))
            .unwrap_err();
        assert_eq!(
            error.message,
            "inputs.x: expected a shape of at least 4 dimensions, got [1]"
        );
        assert!(
            InputShapeCheck::Strict
                .check(&wanted, &[1], Some(4))
                .is_err()
        );
        assert!(InputShapeCheck::Strict.check(&wanted, &[1], None).is_ok());
    }

    #[test]
    fn strict_refuses_whatever_contradicts_the_signature() {
        let wanted = info(Some(&[-1, 1]));
        assert!(InputShapeCheck::Strict.check(&wanted, &[3], None).is_err());
        assert!(
            InputShapeCheck::Strict
                .check(&wanted, &[0, 1], None)
                .is_ok()
        );
    }
}
