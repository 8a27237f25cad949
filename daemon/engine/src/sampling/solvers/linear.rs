//! Small systems of linear equations, which predictors and correctors of several orders come to. UniPC and its kin ask; the numbers
//! are a handful, so that nothing here is made for speed.

/// The solution of a small system of equations, a row an equation, by Gauss's elimination with the greatest pivot first. Not finite
/// where there is none.
pub(super) fn solve(mut rows: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let n = right.len();
    for step in 0..n {
        let best = (step..n).max_by(|a, b| rows[*a][step].abs().total_cmp(&rows[*b][step].abs()));
        let best = best.unwrap_or(step);
        rows.swap(step, best);
        right.swap(step, best);
        let pivot = rows[step].clone();
        for below in step + 1..n {
            let factor = rows[below][step] / pivot[step];
            for (value, above) in rows[below].iter_mut().zip(&pivot) {
                *value -= factor * above;
            }
            right[below] -= factor * right[step];
        }
    }
    for step in (0..n).rev() {
        let known: f64 = (step + 1..n).map(|column| rows[step][column] * right[column]).sum();
        right[step] = (right[step] - known) / rows[step][step];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_whose_first_pivot_is_zero_is_solved() {
        let rows = vec![vec![0.0, 2.0, 1.0], vec![1.0, -1.0, 0.0], vec![3.0, 0.0, 1.0]];
        let x = solve(rows, vec![7.0, -1.0, 6.0]);
        assert!(
            x.iter()
                .zip([1.0, 2.0, 3.0])
                .all(|(got, want)| (got - want).abs() < 1e-12),
            "{x:?}"
        );
    }
}
