import Kernels

/// M × K × N of the products: layers of 64 … 256 wide, a wide layer, and one that no first-level cache holds.
private let productShapes = [
    (65_536, 64, 64), (65_536, 128, 128), (65_536, 256, 128), (32_768, 512, 256), (8_192, 1_024, 1_024),
]

/// The three products at every shape, and on bfloat16 where the CPU has it.
func productCases() -> [KernelCase] {
    let a = randomBuffer(productShapes.map { $0.0 * $0.1 }.max() ?? 0, seed: 1)
    let b = randomBuffer(productShapes.map { $0.0 * $0.2 }.max() ?? 0, seed: 2)
    let c = FloatBuffer(count: productShapes.map { $0.0 * $0.2 }.max() ?? 0)
    return (Precision.hasBFloat16 ? Precision.allCases : [.float32]).flatMap { precision in
        productShapes.flatMap { m, k, n in
            [rowProduct(m, k, n, isTransposed: false, precision, a, b, c)]
                + [
                    rowProduct(m, k, n, isTransposed: true, precision, a, b, c),
                    weightProduct(m, k, n, precision, a, b, c),
                ]
        }
    }
}

/// nn: C = A·B, A M × K, B K × N; nt: C = A·Bᵀ, B N × K. Every row of C is on its own: the formula takes the last 64.
private func rowProduct(
    _ m: Int, _ k: Int, _ n: Int, isTransposed: Bool, _ precision: Precision, _ a: FloatBuffer, _ b: FloatBuffer,
    _ c: FloatBuffer
) -> KernelCase {
    let (a, c) = (Matrix(a, rows: m, columns: k), Matrix(c, rows: m, columns: n))
    let b = isTransposed ? Matrix(b, rows: n, columns: k) : Matrix(b, rows: k, columns: n)
    let sample = m - 64..<m
    let expected = Matrix(FloatBuffer(count: 64 * n), rows: 64, columns: n)
    let kernel = isTransposed ? "nt" : "nn"
    return KernelCase(
        name: "\(kernel)\(suffix(precision)) \(m)×\(k)×\(n)", kernel: kernel, precision: precision, sizes: [m, k, n],
        work: .operations(2 * Double(m * k * n), bytes: 4 * Double(m * k + k * n + m * n)),
        run: { kernels in
            isTransposed ? kernels.multiplyTransposedB(a, b, into: c) : kernels.multiply(a, b, into: c)
        },
        scalar: {
            let (x, y) = (rounded(a.rows(sample), to: precision), rounded(b, to: precision))
            isTransposed
                ? ScalarKernels.multiplyTransposedB(x, y, into: expected)
                : ScalarKernels.multiply(x, y, into: expected)
        },
        scalarShare: 64 / Double(m),
        difference: { firstDifference(c.rows(sample), expected, tolerance: tolerance(terms: k)) })
}

/// tn: C = Aᵀ·B, A M × K, B M × N, C K × N. The formula takes the last row of C.
private func weightProduct(
    _ m: Int, _ k: Int, _ n: Int, _ precision: Precision, _ a: FloatBuffer, _ b: FloatBuffer, _ c: FloatBuffer
) -> KernelCase {
    let (a, b) = (Matrix(a, rows: m, columns: k), Matrix(b, rows: m, columns: n))
    let c = Matrix(c, rows: k, columns: n)
    let expected = Matrix(FloatBuffer(count: n), rows: 1, columns: n)
    return KernelCase(
        name: "tn\(suffix(precision)) \(m)×\(k)×\(n)", kernel: "tn", precision: precision, sizes: [m, k, n],
        work: .operations(2 * Double(m * k * n), bytes: 4 * Double(m * k + k * n + m * n)),
        run: { $0.multiplyTransposedA(a, b, into: c) },
        scalar: {
            let (x, y) = (rounded(a.columns(k - 1..<k), to: precision), rounded(b, to: precision))
            ScalarKernels.multiplyTransposedA(x, y, into: expected)
        },
        scalarShare: 1 / Double(k),
        difference: { firstDifference(c.rows(k - 1..<k), expected, tolerance: tolerance(terms: m)) })
}

private func suffix(_ precision: Precision) -> String { precision == .float32 ? "" : " \(precision)" }

/// The matrix itself, or a copy that holds what the kernel works on.
private func rounded(_ matrix: Matrix, to precision: Precision) -> Matrix {
    if precision == .float32 { return matrix }
    let copy = FloatBuffer(count: matrix.rows * matrix.columns)
    for row in 0..<matrix.rows {
        for column in 0..<matrix.columns {
            unsafe copy.base[row * matrix.columns + column] = ScalarKernels.roundedToBFloat16(matrix[row, column])
        }
    }
    return Matrix(copy, rows: matrix.rows, columns: matrix.columns)
}

/// Twenty times what rounding a sum of products of numbers within ±1, in order, typically comes to.
private func tolerance(terms: Int) -> Float { 4e-7 * Float(terms) + 1e-5 }
