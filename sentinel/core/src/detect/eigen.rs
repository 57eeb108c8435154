//! Eigenvalues and eigenvectors of a symmetric matrix by cyclic Jacobi rotations (Golub and Van Loan, *Matrix
//! Computations*, 4th ed., 8.5). Deterministic, and exact enough for the few dozen columns of a machine.

/// Sweeps over all pairs, at most. Convergence is quadratic: ten are plenty.
const SWEEPS: usize = 30;

/// The eigenvalues of a symmetric matrix, largest first, and for each its unit vector.
#[derive(Clone, Debug)]
pub struct Eigen {
    /// Largest first.
    pub values: Vec<f64>,
    /// `vectors[k]` belongs to `values[k]`.
    pub vectors: Vec<Vec<f64>>,
}

/// Decomposes `matrix`, of which only that it is square and symmetric is assumed.
pub fn symmetric(mut matrix: Vec<Vec<f64>>) -> Eigen {
    let n = matrix.len();
    let mut vectors: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    let size: f64 = matrix.iter().flatten().map(|a| a * a).sum();
    for _ in 0..SWEEPS {
        let off: f64 =
            (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| matrix[i][j] * matrix[i][j]).sum();
        if off <= 1e-24 * size {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut matrix, &mut vectors, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| matrix[*b][*b].total_cmp(&matrix[*a][*a]).then(a.cmp(b)));
    Eigen {
        values: order.iter().map(|k| matrix[*k][*k]).collect(),
        // Rows of `vectors` were rotated along with the matrix, so that each is an eigenvector.
        vectors: order.iter().map(|k| vectors[*k].clone()).collect(),
    }
}

/// One rotation that makes `matrix[p][q]` zero.
fn rotate(matrix: &mut [Vec<f64>], vectors: &mut [Vec<f64>], p: usize, q: usize) {
    let apq = matrix[p][q];
    if apq == 0.0 {
        return;
    }
    let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * apq);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    let n = matrix.len();
    for row in matrix.iter_mut() {
        let (a, b) = (row[p], row[q]);
        row[p] = c * a - s * b;
        row[q] = s * a + c * b;
    }
    for k in 0..n {
        let (a, b) = (matrix[p][k], matrix[q][k]);
        matrix[p][k] = c * a - s * b;
        matrix[q][k] = s * a + c * b;
        let (a, b) = (vectors[p][k], vectors[q][k]);
        vectors[p][k] = c * a - s * b;
        vectors[q][k] = s * a + c * b;
    }
}

/// The covariance of the columns of `rows`, each row as long as the first.
pub fn covariance(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let d = rows.first().map_or(0, Vec::len);
    let n = rows.len() as f64;
    let mean: Vec<f64> = (0..d).map(|j| rows.iter().map(|r| r[j]).sum::<f64>() / n).collect();
    let mut c = vec![vec![0.0; d]; d];
    for row in rows {
        for i in 0..d {
            let a = row[i] - mean[i];
            for j in 0..=i {
                c[i][j] += a * (row[j] - mean[j]);
            }
        }
    }
    for i in 0..d {
        for j in 0..=i {
            c[i][j] /= (n - 1.0).max(1.0);
            c[j][i] = c[i][j];
        }
    }
    c
}

/// The inner product of two vectors of one length.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aegis_models::Seed;

    /// A random covariance of `d` columns.
    fn random(d: usize, seed: u64) -> Vec<Vec<f64>> {
        let mut rng = Seed(seed).stream("eigen");
        let rows: Vec<Vec<f64>> =
            (0..3 * d).map(|_| (0..d).map(|k| rng.normal() * (k as f64 + 1.0)).collect()).collect();
        covariance(&rows)
    }

    #[test]
    fn vectors_are_orthonormal_and_rebuild_the_matrix() {
        for (d, seed) in [(1, 1), (2, 2), (5, 3), (17, 4), (52, 5)] {
            let a = random(d, seed);
            let e = symmetric(a.clone());
            assert!(e.values.windows(2).all(|w| w[0] >= w[1]), "{:?}", e.values);
            let scale = e.values[0];
            for i in 0..d {
                for j in 0..d {
                    let unit = f64::from(u8::from(i == j));
                    assert!((dot(&e.vectors[i], &e.vectors[j]) - unit).abs() < 1e-10, "{d}: {i} {j}");
                    let back: f64 = (0..d).map(|k| e.values[k] * e.vectors[k][i] * e.vectors[k][j]).sum();
                    assert!((back - a[i][j]).abs() < 1e-9 * scale, "{d}: {i} {j}");
                }
            }
            let trace: f64 = (0..d).map(|i| a[i][i]).sum();
            assert!((e.values.iter().sum::<f64>() - trace).abs() < 1e-9 * trace);
        }
    }

    #[test]
    fn a_known_matrix_has_its_known_values() {
        // 2 on the diagonal and -1 beside it: 2 - 2 cos(k pi / 4) for three columns.
        let e = symmetric(vec![vec![2.0, -1.0, 0.0], vec![-1.0, 2.0, -1.0], vec![0.0, -1.0, 2.0]]);
        let root = 2.0_f64.sqrt();
        for (found, known) in e.values.iter().zip([2.0 + root, 2.0, 2.0 - root]) {
            assert!((found - known).abs() < 1e-12, "{found} {known}");
        }
    }
}
