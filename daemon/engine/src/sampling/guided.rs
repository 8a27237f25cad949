use tch::Tensor;

/// What guidance makes of predictions, or what is derived from both alike.
#[derive(Debug)]
pub struct Guided {
    /// With guidance.
    pub guided: Tensor,
    /// Without the prompt, where it was computed: samplers of the CFG++ kind go by both.
    pub uncond: Option<Tensor>,
}

impl Guided {
    /// One prediction alone.
    pub fn alone(guided: Tensor) -> Self {
        Self { guided, uncond: None }
    }

    /// The same of both.
    pub fn map(self, f: impl Fn(&Tensor) -> Tensor) -> Self {
        Self {
            guided: f(&self.guided),
            uncond: self.uncond.as_ref().map(f),
        }
    }
}
