import Kernels

/// Neighbour lists that point all over a table.
final class RandomLists {
    private let offsets: [Int32]
    private let indices: [Int32]
    private let weights: [Float]
    let count: Int
    let perList: Int

    init(count: Int, perList: Int, rows: Int) {
        (self.count, self.perList) = (count, perList)
        offsets = (0...count).map { Int32($0 * perList) }
        var state: UInt64 = 88_172_645_463_325_252
        indices = (0..<count * perList).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int32((state >> 32) % UInt64(rows))
        }
        weights = [Float](repeating: 1 / Float(perList), count: count * perList)
    }

    /// The first `count` lists, valid inside `body`.
    func with<Result>(_ count: Int, _ body: (PoolLists) -> Result) -> Result {
        unsafe offsets.withUnsafeBufferPointer { offsets in
            unsafe indices.withUnsafeBufferPointer { indices in
                unsafe weights.withUnsafeBufferPointer { weights in
                    guard let o = offsets.baseAddress, let i = indices.baseAddress,
                        let w = weights.baseAddress
                    else { preconditionFailure("RandomLists: no lists") }
                    return unsafe body(PoolLists(offsets: o, indices: i, weights: w, count: count))
                }
            }
        }
    }
}

/// Pooling and its transpose over tables that no cache holds.
func poolCases() -> [KernelCase] { [gatherPool(), transposedPool(), maxPool()] }

/// 16,384 lists of 25 rows of 128 out of 2²⁰: 210 MB read here and there in a table of 537 MB.
private func gatherPool() -> KernelCase {
    let (lists, perList, rows, width) = (16_384, 25, 1 << 20, 128)
    let random = RandomLists(count: lists, perList: perList, rows: rows)
    let table = Matrix(randomBuffer(rows * width, seed: 3), rows: rows, columns: width)
    let pooled = Matrix(FloatBuffer(count: lists * width), rows: lists, columns: width)
    let expected = Matrix(FloatBuffer(count: 256 * width), rows: 256, columns: width)
    return KernelCase(
        name: "gather-pool \(lists) lists of \(perList) out of \(rows)×\(width)", kernel: "gather_pool",
        sizes: [lists, perList, rows, width], work: .scattered(4 * Double((perList + 1) * lists * width)),
        run: { kernels in random.with(lists) { kernels.weightedPool($0, from: table, into: pooled) } },
        scalar: { random.with(256) { ScalarKernels.weightedPool($0, from: table, into: expected) } },
        scalarShare: 256 / Double(lists),
        difference: { firstDifference(pooled.rows(0..<256), expected, tolerance: 1e-5) })
}

/// The transpose: 409,600 weighted rows of 128 are added up in 131,072 rows (67 MB), turning the lists included.
private func transposedPool() -> KernelCase {
    let (lists, perList, rows, width) = (16_384, 25, 1 << 17, 128)
    let random = RandomLists(count: lists, perList: perList, rows: rows)
    let pooled = Matrix(randomBuffer(lists * width, seed: 4), rows: lists, columns: width)
    let table = Matrix(FloatBuffer(count: rows * width), rows: rows, columns: width)
    let expected = Matrix(FloatBuffer(count: rows * width), rows: rows, columns: width)
    let transposed = TransposedLists()
    return KernelCase(
        name: "scatter \(lists) lists of \(perList) into \(rows)×\(width)", kernel: "scatter",
        sizes: [lists, perList, rows, width], work: .bytes(4 * Double((perList * lists + rows) * width)),
        run: { kernels in
            random.with(lists) { kernels.transpose($0, inputRows: rows, into: transposed) }
            kernels.weightedPool(transposed.lists, from: pooled, into: table)
        },
        scalar: {
            unsafe expected.base.update(repeating: 0, count: rows * width)
            random.with(lists) { lists in
                for list in 0..<lists.count {
                    for entry in list * perList..<(list + 1) * perList {
                        let (row, weight) = unsafe (Int(lists.indices[entry]), lists.weights[entry])
                        for column in 0..<width { expected[row, column] += weight * pooled[list, column] }
                    }
                }
            }
        },
        scalarShare: 1,
        difference: { firstDifference(table, expected, tolerance: 1e-5) })
}

/// The largest instead of the weighted sum, out of the same table; which row won is written too, 4 bytes an element.
private func maxPool() -> KernelCase {
    let (lists, perList, rows, width) = (16_384, 25, 1 << 20, 128)
    let random = RandomLists(count: lists, perList: perList, rows: rows)
    let table = Matrix(randomBuffer(rows * width, seed: 3), rows: rows, columns: width)
    let pooled = Matrix(FloatBuffer(count: lists * width), rows: lists, columns: width)
    let expected = Matrix(FloatBuffer(count: 256 * width), rows: 256, columns: width)
    let winners = IntBuffer([Int32](repeating: 0, count: lists * width))
    let expectedWinners = IntBuffer([Int32](repeating: 0, count: 256 * width))
    return KernelCase(
        name: "max-pool \(lists) lists of \(perList) out of \(rows)×\(width)", kernel: "max_pool",
        sizes: [lists, perList, rows, width], work: .scattered(4 * Double((perList + 2) * lists * width)),
        run: { kernels in
            random.with(lists) { unsafe kernels.maxPool($0, from: table, into: pooled, winners: winners.base) }
        },
        scalar: {
            random.with(256) {
                unsafe ScalarKernels.maxPool($0, from: table, into: expected, winners: expectedWinners.base)
            }
        },
        scalarShare: 256 / Double(lists),
        difference: { firstDifference(pooled.rows(0..<256), expected, tolerance: 0) })
}

/// Normalising, the loss and the optimiser.
func rowCases() -> [KernelCase] {
    [normalize(), normalizeBackward(), adam(), adamOfRows()]
        + [(512, 500, 64), (2_048, 1_000, 128)].flatMap { pairs, negatives, width in
            let data = PairData(pairs: pairs, negatives: negatives, width: width)
            return [hinge(data), softmax(data)]
        }
}

private func normalize() -> KernelCase {
    let (rows, width) = (65_536, 128)
    let a = Matrix(randomBuffer(rows * width, seed: 5), rows: rows, columns: width)
    let h = Matrix(FloatBuffer(count: rows * width), rows: rows, columns: width)
    let expected = Matrix(FloatBuffer(count: 512 * width), rows: 512, columns: width)
    let (norms, expectedNorms) = (FloatBuffer(count: rows), FloatBuffer(count: 512))
    return KernelCase(
        name: "L2 normalise \(rows)×\(width)", kernel: "normalize", sizes: [rows, width],
        work: .bytes(8 * Double(rows * width)),
        run: { unsafe $0.l2Normalize(a, into: h, norms: norms.base) },
        scalar: { unsafe ScalarKernels.l2Normalize(a.rows(0..<512), into: expected, norms: expectedNorms.base) },
        scalarShare: 512 / Double(rows),
        difference: { firstDifference(h.rows(0..<512), expected, tolerance: 1e-6) })
}

private func normalizeBackward() -> KernelCase {
    let (rows, width) = (65_536, 128)
    let h = Matrix(randomBuffer(rows * width, seed: 6), rows: rows, columns: width)
    let dH = Matrix(randomBuffer(rows * width, seed: 7), rows: rows, columns: width)
    let dA = Matrix(FloatBuffer(count: rows * width), rows: rows, columns: width)
    let expected = Matrix(FloatBuffer(count: 512 * width), rows: 512, columns: width)
    let norms = FloatBuffer(count: rows)
    unsafe Kernels().l2Normalize(h, into: h, norms: norms.base)
    return KernelCase(
        name: "L2 normalise backward \(rows)×\(width)", kernel: "normalize_backward", sizes: [rows, width],
        work: .bytes(12 * Double(rows * width)),
        run: { unsafe $0.l2NormalizeBackward(dH, normalized: h, norms: norms.base, into: dA, reluMask: false) },
        scalar: {
            unsafe ScalarKernels.l2NormalizeBackward(
                dH.rows(0..<512), normalized: h.rows(0..<512), norms: norms.base, into: expected, reluMask: false)
        },
        scalarShare: 512 / Double(rows),
        difference: { firstDifference(dA.rows(0..<512), expected, tolerance: 1e-5) })
}

/// Pairs and shared negatives on the unit sphere, and room for two sets of gradients.
private final class PairData {
    let (pairs, negatives, width): (Int, Int, Int)
    let found: Matrix
    let expected: Matrix
    private let inputs: Matrix
    private let ids: IntBuffer
    private let offsets: FloatBuffer

    init(pairs: Int, negatives: Int, width: Int) {
        (self.pairs, self.negatives, self.width) = (pairs, negatives, width)
        let rows = 2 * pairs + negatives
        inputs = Matrix(randomBuffer(rows * width, seed: 8), rows: rows, columns: width)
        normalizeInPlace(inputs)
        found = Matrix(FloatBuffer(count: rows * width), rows: rows, columns: width)
        expected = Matrix(FloatBuffer(count: rows * width), rows: rows, columns: width)
        ids = IntBuffer((0..<rows).map { Int32($0) })
        offsets = randomBuffer(rows, seed: 10)
    }

    func problem(_ gradients: Matrix) -> PairProblem { problem(gradients, 2 * pairs..<2 * pairs + negatives) }

    private func problem(_ gradients: Matrix, _ negatives: Range<Int>) -> PairProblem {
        unsafe PairProblem(
            queries: inputs.rows(0..<pairs), queryIDs: ids.base, positives: inputs.rows(pairs..<2 * pairs),
            positiveIDs: ids.base + pairs, negatives: inputs.rows(negatives),
            negativeIDs: ids.base + negatives.lowerBound, dQueries: gradients.rows(0..<pairs),
            dPositives: gradients.rows(pairs..<2 * pairs), dNegatives: gradients.rows(negatives))
    }

    func softmax(_ gradients: Matrix) -> SoftmaxProblem {
        unsafe SoftmaxProblem(
            shared: problem(gradients), own: problem(gradients, 0..<0), temperature: 0.1,
            positiveOffsets: offsets.base, sharedOffsets: offsets.base + pairs, ownOffsets: offsets.base)
    }

    /// A loss with its three gradients: three products of pairs × negatives × width.
    func kernelCase(
        _ loss: String, run: @escaping (Kernels) -> Void, scalar: @escaping () -> Void
    ) -> KernelCase {
        KernelCase(
            name: "shared-negative \(loss) \(pairs) pairs × \(negatives) × \(width)", kernel: loss,
            sizes: [pairs, negatives, width],
            work: .operations(
                6 * Double(pairs * negatives * width), bytes: 8 * Double(inputs.rows * width)),
            run: run, scalar: scalar, scalarShare: 1,
            difference: { firstDifference(self.found, self.expected, tolerance: 1e-6) })
    }
}

private func hinge(_ data: PairData) -> KernelCase {
    data.kernelCase(
        "hinge", run: { _ = $0.hingeLoss(data.problem(data.found), margin: 0.1) },
        scalar: { _ = ScalarKernels.hingeLoss(data.problem(data.expected), margin: 0.1) })
}

private func softmax(_ data: PairData) -> KernelCase {
    data.kernelCase(
        "softmax", run: { _ = $0.softmaxLoss(data.softmax(data.found)) },
        scalar: { _ = ScalarKernels.softmaxLoss(data.softmax(data.expected)) })
}

private func normalizeInPlace(_ rows: Matrix) {
    let norms = FloatBuffer(count: rows.rows)
    withExtendedLifetime(norms) { unsafe Kernels().l2Normalize(rows, into: rows, norms: norms.base) }
}

private func adam() -> KernelCase {
    let count = 1 << 22
    let g = randomBuffer(count, seed: 9)
    let found = (0..<3).map { _ in FloatBuffer(count: count) }
    let expected = (0..<3).map { _ in FloatBuffer(count: 4_096) }
    let rule = AdamRule(learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, step: 1)
    func clear(_ buffers: [FloatBuffer], _ count: Int) {
        for buffer in buffers { unsafe buffer.base.update(repeating: 0, count: count) }
    }
    return KernelCase(
        name: "Adam \(count) parameters", kernel: "adam", sizes: [count], work: .bytes(28 * Double(count)),
        run: {
            unsafe $0.adamStep(
                parameters: found[0].base, gradients: g.base, first: found[1].base, second: found[2].base,
                count: count, learningRate: 0.01, step: 1)
        },
        scalar: {
            unsafe ScalarKernels.adamStep(
                parameters: expected[0].base, gradients: g.base, first: expected[1].base, second: expected[2].base,
                count: 4_096, rule)
        },
        scalarShare: 4_096 / Double(count),
        difference: {
            // Both have gone on since the first step: one fresh step of each.
            clear(found, count)
            clear(expected, 4_096)
            unsafe Kernels().adamStep(
                parameters: found[0].base, gradients: g.base, first: found[1].base, second: found[2].base,
                count: 4_096, learningRate: 0.01, step: 1)
            unsafe ScalarKernels.adamStep(
                parameters: expected[0].base, gradients: g.base, first: expected[1].base, second: expected[2].base,
                count: 4_096, rule)
            return firstDifference(
                Matrix(found[0], rows: 1, columns: 4_096), Matrix(expected[0], rows: 1, columns: 4_096),
                tolerance: 1e-6)
        })
}

/// The rows of a table of learned vectors that a batch has touched: 16,384 of 2²⁰, each in four tables.
private func adamOfRows() -> KernelCase {
    let (count, rows, width) = (16_384, 1 << 20, 64)
    let chosen = (0..<UInt32(count)).map { $0 &* 40_503 & (1 << 20 - 1) }
    let g = Matrix(randomBuffer(count * width, seed: 11), rows: count, columns: width)
    func tables() -> [Matrix] {
        (0..<3).map { _ in Matrix(FloatBuffer(count: rows * width), rows: rows, columns: width) }
    }
    let (found, steps) = (tables(), FloatBuffer(count: rows))
    let expected = (0..<3).map { _ in FloatBuffer(count: width) }
    let rule = AdamRule(learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, step: 1)
    func scalarStep() {
        for row in 0..<256 {
            for buffer in expected { unsafe buffer.base.update(repeating: 0, count: width) }
            unsafe ScalarKernels.adamStep(
                parameters: expected[0].base, gradients: g.base + row * width, first: expected[1].base,
                second: expected[2].base, count: width, rule)
        }
    }
    func step(_ kernels: Kernels) {
        unsafe chosen.withUnsafeBufferPointer {
            unsafe kernels.adamRows(
                $0, parameters: found[0], gradients: g, first: found[1], second: found[2], stepCounts: steps.base,
                learningRate: 0.01)
        }
    }
    return KernelCase(
        name: "Adam of \(count) rows out of \(rows)×\(width)", kernel: "adam_rows", sizes: [count, rows, width],
        work: .bytes(28 * Double(count * width)), run: step, scalar: scalarStep, scalarShare: 256 / Double(count),
        difference: {
            // Both have gone on since the first step: a fresh step of the last row that the formula took.
            let row = Int(chosen[255])
            for table in found { unsafe (table.base + row * width).update(repeating: 0, count: width) }
            unsafe steps.base[row] = 0
            step(Kernels())
            let formula = Matrix(expected[0], rows: 1, columns: width)
            return firstDifference(found[0].rows(row..<row + 1), formula, tolerance: 1e-6)
        })
}

/// Owned int32 storage.
@safe final class IntBuffer {
    let base: UnsafeMutablePointer<Int32>

    init(_ values: [Int32]) {
        unsafe base = .allocate(capacity: max(1, values.count))
        unsafe base.initialize(from: values, count: values.count)
    }

    deinit { unsafe base.deallocate() }
}
