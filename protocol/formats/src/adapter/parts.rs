//! The endings of keys in LoRA files, and what the tensor is that has one. Tables: ComfyUI's `comfy/weight_adapter/`, LyCORIS'
//! `weight_list` of each module, diffusers' `loaders/lora_conversion_utils.py`.

/// What a tensor is to its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// LoRA: [rank, inputs] or a convolution's [rank, inputs, k, k].
    Down,
    /// LoRA: [outputs, rank], and 1, 1 for a convolution.
    Up,
    /// LoRA of a convolution in three parts: [rank, rank, k, k] between the two.
    Mid,
    /// LoRA: what is added to the bias, scaled as the weight is.
    UpBias,
    /// One number: the scale is it over the rank.
    Alpha,
    /// DoRA of LyCORIS: the length of each row [outputs, 1…], or of each column [1, inputs…], of the merged weight.
    DoraScale,
    /// DoRA of PEFT: the length of each row of the merged weight.
    Magnitude,
    /// LoHa: the first product's parts, and between them for convolutions in three parts.
    HadaW1A,
    /// LoHa, as above.
    HadaW1B,
    /// LoHa, as above.
    HadaT1,
    /// LoHa: the second product's.
    HadaW2A,
    /// LoHa, as above.
    HadaW2B,
    /// LoHa, as above.
    HadaT2,
    /// LoKr: the small factor.
    LokrW1,
    /// LoKr: the small factor, as a product.
    LokrW1A,
    /// LoKr, as above.
    LokrW1B,
    /// LoKr: the large factor.
    LokrW2,
    /// LoKr: the large factor, as a product.
    LokrW2A,
    /// LoKr, as above.
    LokrW2B,
    /// LoKr: between these for convolutions in three parts.
    LokrT2,
    /// GLoRA: two factors of what the weight is multiplied with.
    GloraA1,
    /// GLoRA, as above.
    GloraA2,
    /// GLoRA: two factors of what is added.
    GloraB1,
    /// GLoRA, as above.
    GloraB2,
    /// GLoRA: between these for convolutions in three parts.
    GloraBm,
    /// IA³: a factor for each output, or each input.
    Ia3,
    /// IA³: one number, 1 where it is each input.
    OnInput,
    /// OFT: the blocks of a rotation [blocks, size, size]; of butterflies [m, blocks, size, size].
    OftBlocks,
    /// OFT: a factor for each output.
    Rescale,
    /// The difference itself.
    Diff,
    /// The bias's difference.
    DiffBias,
    /// A norm's weight's difference.
    NormWeight,
    /// A norm's bias's difference.
    NormBias,
}

/// Endings, each with what precedes it. Where two fit a key, the first counts.
const ENDINGS: &[(&str, Part)] = &[
    // diffusers before PEFT: `to_q_lora.down.weight` of an attention processor, and of single layers.
    ("_lora.down.weight", Part::Down),
    ("_lora.up.weight", Part::Up),
    ("_lora.alpha", Part::Alpha),
    (".lora.down.weight", Part::Down),
    (".lora.up.weight", Part::Up),
    (".lora.alpha", Part::Alpha),
    (".lora_linear_layer.down.weight", Part::Down),
    (".lora_linear_layer.up.weight", Part::Up),
    (".lora_linear_layer.alpha", Part::Alpha),
    // kohya, OneTrainer, LyCORIS.
    (".lora_down.weight", Part::Down),
    (".lora_up.weight", Part::Up),
    (".lora_mid.weight", Part::Mid),
    (".lora_up.bias", Part::UpBias),
    (".alpha", Part::Alpha),
    (".dora_scale", Part::DoraScale),
    // PEFT.
    (".lora_A.weight", Part::Down),
    (".lora_B.weight", Part::Up),
    (".lora_B.bias", Part::UpBias),
    (".lora_A.default.weight", Part::Down),
    (".lora_B.default.weight", Part::Up),
    (".lora_B.default.bias", Part::UpBias),
    (".lora_A", Part::Down),
    (".lora_B", Part::Up),
    (".lora_magnitude_vector.weight", Part::Magnitude),
    (".lora_magnitude_vector.default.weight", Part::Magnitude),
    (".lora_magnitude_vector", Part::Magnitude),
    (".hada_w1_a", Part::HadaW1A),
    (".hada_w1_b", Part::HadaW1B),
    (".hada_t1", Part::HadaT1),
    (".hada_w2_a", Part::HadaW2A),
    (".hada_w2_b", Part::HadaW2B),
    (".hada_t2", Part::HadaT2),
    (".lokr_w1", Part::LokrW1),
    (".lokr_w1_a", Part::LokrW1A),
    (".lokr_w1_b", Part::LokrW1B),
    (".lokr_w2", Part::LokrW2),
    (".lokr_w2_a", Part::LokrW2A),
    (".lokr_w2_b", Part::LokrW2B),
    (".lokr_t2", Part::LokrT2),
    (".a1.weight", Part::GloraA1),
    (".a2.weight", Part::GloraA2),
    (".b1.weight", Part::GloraB1),
    (".b2.weight", Part::GloraB2),
    (".bm.weight", Part::GloraBm),
    (".on_input", Part::OnInput),
    (".oft_blocks", Part::OftBlocks),
    (".rescale", Part::Rescale),
    (".diff", Part::Diff),
    (".diff_b", Part::DiffBias),
    (".w_norm", Part::NormWeight),
    (".b_norm", Part::NormBias),
];

/// The module that a key is about, and what its tensor is to it; `None` for a key without any of these endings. `X.weight` of IA³,
/// which any model's file may have too, is not among them.
pub(super) fn part(key: &str) -> Option<(&str, Part)> {
    let found = ENDINGS
        .iter()
        .find_map(|(ending, part)| Some((key.strip_suffix(ending)?, *part)));
    found.filter(|(module, _)| !module.is_empty())
}

impl Part {
    /// Whether a module is one because it has this: a scale alone, or a number that says how to read another, makes none.
    pub(super) fn carries(self) -> bool {
        !matches!(
            self,
            Self::Alpha | Self::DoraScale | Self::Magnitude | Self::OnInput | Self::Rescale | Self::UpBias
        )
    }

    /// Whether it is one number.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Alpha | Self::OnInput)
    }
}
