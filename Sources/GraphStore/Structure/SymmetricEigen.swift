/// Eigenvalues and eigenvectors of a small symmetric matrix, in double precision.
struct SymmetricEigen {
    /// Largest first.
    let values: [Double]
    /// (n × n), row-major: column i belongs to `values[i]`.
    let vectors: [Double]

    /// Cyclic Jacobi rotations until what is left off the diagonal is rounding.
    ///
    /// - Parameters:
    ///   - matrix: (n × n), row-major; only its symmetric part counts.
    ///   - n: rows and columns.
    /// - Complexity: O(n³) a sweep; about ten sweeps.
    /// - Source: Golub & Van Loan, Matrix Computations, 4th ed., §8.5.
    init(_ matrix: [Double], n: Int) {
        precondition(matrix.count == n * n, "SymmetricEigen: \(matrix.count) elements for \(n)×\(n)")
        var a = matrix
        for i in 0..<n { for j in 0..<i { a[i * n + j] = (matrix[i * n + j] + matrix[j * n + i]) / 2 } }
        for i in 0..<n { for j in 0..<i { a[j * n + i] = a[i * n + j] } }
        var v = [Double](repeating: 0, count: n * n)
        for i in 0..<n { v[i * n + i] = 1 }
        let total = a.reduce(0) { $0 + $1 * $1 }
        for _ in 0..<60 {
            var offDiagonal = 0.0
            for i in 0..<n { for j in 0..<i { offDiagonal += 2 * a[i * n + j] * a[i * n + j] } }
            if offDiagonal <= 1e-28 * total { break }
            for p in 0..<n { for q in p + 1..<max(n, p + 1) { Self.rotate(&a, &v, n, p, q) } }
        }
        let order = (0..<n).sorted { (-a[$0 * n + $0], $0) < (-a[$1 * n + $1], $1) }
        values = order.map { a[$0 * n + $0] }
        vectors = (0..<n).flatMap { row in order.map { v[row * n + $0] } }
    }

    /// Turns rows and columns p and q so that element (p, q) becomes 0.
    private static func rotate(_ a: inout [Double], _ v: inout [Double], _ n: Int, _ p: Int, _ q: Int) {
        let apq = a[p * n + q]
        if apq == 0 { return }
        let theta = (a[q * n + q] - a[p * n + p]) / (2 * apq)
        let tangent = (theta < 0 ? -1 : 1) / (abs(theta) + (theta * theta + 1).squareRoot())
        let cosine = 1 / (tangent * tangent + 1).squareRoot()
        let sine = tangent * cosine
        for k in 0..<n {
            let (left, right) = (a[k * n + p], a[k * n + q])
            a[k * n + p] = cosine * left - sine * right
            a[k * n + q] = sine * left + cosine * right
        }
        for k in 0..<n {
            let (upper, lower) = (a[p * n + k], a[q * n + k])
            a[p * n + k] = cosine * upper - sine * lower
            a[q * n + k] = sine * upper + cosine * lower
            let (left, right) = (v[k * n + p], v[k * n + q])
            v[k * n + p] = cosine * left - sine * right
            v[k * n + q] = sine * left + cosine * right
        }
    }
}
