use tch::Tensor;

use crate::Cancel;

/// What every block is given beside its hidden states.
#[derive(Debug)]
pub struct Conditions<'a> {
    /// The time embedding [1, temb_channels].
    pub temb: &'a Tensor,
    /// The prompt [B, tokens, cross_attention_dim].
    pub encoder_hidden_states: &'a Tensor,
    /// Read before each layer.
    pub cancel: &'a Cancel,
}
