//! The kinds of latents, and how each is shown before it is decoded: a colour matrix, and the name of a small decoder where there
//! is one. `schema/vae.rs` says of which kind a model's are; the engine's `pipeline/preview` looks the kind up and paints. The
//! decoders are found and run by the engine (`families/taesd`).

/// What the numbers of a latent cell mean: how they came from the VAE.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latents {
    /// Channels of a latent cell.
    pub channels: u32,
    /// Pixels a cell covers along each side.
    pub factor: u32,
    /// Latents are what the VAE encodes, less `shift`, times `scale`.
    pub scale: f64,
    /// See `scale`.
    pub shift: f64,
}

/// How latents of a known kind are shown before they are decoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatentFormat {
    /// The kind.
    pub latents: Latents,
    /// A cell's colour, red, green and blue in −1..1, is the sum of its channels times their rows here, and `bias`.
    pub rgb: &'static [[f32; 3]],
    /// See `rgb`.
    pub bias: [f32; 3],
    /// The small decoder for such latents, where there is one: the file `NAME_decoder.safetensors`.
    pub decoder: Option<&'static str>,
}

/// Latents of Stable Diffusion 1.x and 2.x.
const SD1: Latents = Latents {
    channels: 4,
    factor: 8,
    scale: 0.18215,
    shift: 0.0,
};

/// Every kind of latents that can be shown.
///
/// Matrices of Stable Diffusion, SDXL and FLUX.1: stable-diffusion.cpp, `src/runtime/latent-preview.h` (MIT). The one of scale 0.5 is Playground 2.5's,
/// whose latents are SDXL's brought to unit variance: SDXL's matrix after its published means and deviations. That of the embedded model:
/// `daemon/engine/tests/oracle/emoji_preview.py`. Decoders: madebyollin/taesd.
pub const LATENT_FORMATS: &[LatentFormat] = &[
    LatentFormat {
        latents: SD1,
        rgb: &[
            [0.337366, 0.216344, 0.257386],
            [0.165636, 0.386828, 0.046994],
            [-0.267803, 0.237036, 0.223517],
            [-0.178022, -0.200862, -0.678514],
        ],
        bias: [-0.017478, -0.055834, -0.105825],
        decoder: Some("taesd"),
    },
    LatentFormat {
        latents: Latents { scale: 0.13025, ..SD1 },
        rgb: &[
            [0.258303, 0.277640, 0.329699],
            [-0.299701, 0.105446, 0.014194],
            [0.050522, 0.186163, -0.143257],
            [-0.211938, -0.149892, -0.080036],
        ],
        bias: [0.144381, -0.033313, 0.007061],
        decoder: Some("taesdxl"),
    },
    LatentFormat {
        latents: Latents {
            factor: 4,
            scale: 0.73795,
            ..SD1
        },
        rgb: &[
            [-0.298031, -0.079507, 0.425786],
            [-0.168168, -0.013892, 0.331047],
            [0.115380, 0.114223, 0.413631],
            [0.244148, -0.437085, -1.146037],
        ],
        bias: [0.534698, 0.552673, 0.758968],
        decoder: None,
    },
    LatentFormat {
        latents: Latents { scale: 0.5, ..SD1 },
        rgb: &[
            [0.571456, 0.614236, 0.729409],
            [-0.460797, 0.162126, 0.021824],
            [0.086202, 0.317636, -0.244428],
            [-0.288742, -0.204211, -0.109040],
        ],
        bias: [-0.063544, -0.149992, -0.061044],
        decoder: None,
    },
    LatentFormat {
        latents: Latents {
            channels: 16,
            factor: 8,
            scale: 0.3611,
            shift: 0.1159,
        },
        rgb: &[
            [-0.041168, 0.019917, 0.097253],
            [0.028096, 0.026730, 0.129576],
            [0.065618, -0.067950, -0.014651],
            [-0.012998, -0.014762, 0.081251],
            [0.078567, 0.059296, -0.024687],
            [-0.015987, -0.003697, 0.005012],
            [0.033605, 0.138999, 0.068517],
            [-0.024450, -0.063567, -0.030101],
            [-0.040194, -0.016710, 0.127185],
            [0.112681, 0.088764, -0.041940],
            [-0.023498, 0.093664, 0.025543],
            [0.082899, 0.048320, 0.007491],
            [0.075712, 0.074139, 0.081965],
            [-0.143501, 0.018263, -0.136138],
            [-0.025767, -0.082035, -0.040023],
            [-0.111849, -0.055589, -0.032361],
        ],
        bias: [0.024600, -0.006937, -0.008089],
        decoder: Some("taef1"),
    },
];

impl Latents {
    /// How latents like these are shown; `None` for a kind that is not known.
    pub fn format(&self) -> Option<&'static LatentFormat> {
        LATENT_FORMATS.iter().find(|format| self.is_like(&format.latents))
    }

    /// Whether both are of one kind: their scales may differ as far as files round them.
    fn is_like(&self, other: &Self) -> bool {
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-4;
        (self.channels, self.factor) == (other.channels, other.factor)
            && near(self.scale, other.scale)
            && near(self.shift, other.shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_colour_a_channel_and_is_found_as_itself() {
        for format in LATENT_FORMATS {
            assert_eq!(format.rgb.len(), format.latents.channels as usize);
            assert_eq!(format.latents.format(), Some(format));
        }
    }

    /// Playground 2.5's show what SDXL's would, from which they differ by the moments of its published VAE.
    #[test]
    fn latents_of_unit_variance_have_the_colours_of_those_they_were_made_of() {
        const MEAN: [f64; 4] = [-1.6574, 1.886, -1.383, 2.5155];
        const STD: [f64; 4] = [8.4927, 5.9022, 6.5498, 5.2299];
        let row = |scale| Latents { scale, ..SD1 }.format().unwrap();
        let (own, whole) = (row(0.5), row(0.13025));
        let colour = |format: &LatentFormat, cell: [f64; 4], at: usize| {
            let channels = cell.iter().zip(format.rgb);
            channels.map(|(x, rgb)| x * f64::from(rgb[at])).sum::<f64>() + f64::from(format.bias[at])
        };
        for cell in [[0.0; 4], [0.5, -0.25, 0.125, 0.75], [-1.0, 0.5, 1.0, -0.5]] {
            let encoded: [f64; 4] = std::array::from_fn(|i| (cell[i] * STD[i] / 0.5 + MEAN[i]) * 0.13025);
            for at in 0..3 {
                assert!((colour(own, cell, at) - colour(whole, encoded, at)).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn other_latents_are_not_known() {
        let others = [
            Latents { scale: 1.5305, ..SD1 },
            Latents { channels: 16, ..SD1 },
            Latents { factor: 4, ..SD1 },
            Latents { shift: 0.1159, ..SD1 },
            Latents { scale: f64::NAN, ..SD1 },
        ];
        assert!(others.iter().all(|latents| latents.format().is_none()));
        assert!(Latents { scale: 0.182_15, ..SD1 }.format().is_some());
    }
}
