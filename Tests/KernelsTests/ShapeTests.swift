import Glibc
import Kernels
import Testing

/// Wrong shapes trap, in an optimised build too, and the message names all shapes.
@Suite struct ShapeTests {
    @Test("multiply")
    func multiply() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            Kernels().multiply(zeros(2, 3), zeros(4, 5), into: zeros(2, 5))
        }
        expectMessage(result, "multiply: a 2×3, b 4×5, c 2×5")
    }

    @Test("multiplyTransposedB")
    func multiplyTransposedB() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            Kernels().multiplyTransposedB(zeros(2, 3), zeros(5, 3), into: zeros(2, 4))
        }
        expectMessage(result, "multiplyTransposedB: a 2×3, b 5×3, c 2×4")
    }

    @Test("multiplyTransposedA")
    func multiplyTransposedA() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            Kernels().multiplyTransposedA(zeros(6, 3), zeros(5, 4), into: zeros(3, 4))
        }
        expectMessage(result, "multiplyTransposedA: a 6×3, b 5×4, c 3×4")
    }

    @Test("a mask of another shape")
    func mask() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            Kernels().multiply(zeros(2, 3), zeros(3, 5), into: zeros(2, 5), epilogue: .reluMask(zeros(2, 4)))
        }
        expectMessage(result, "multiply: mask 2×4, c 2×5")
    }

    @Test("weightedPool")
    func weightedPool() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            Lists(offsets: [0, 1], indices: [0], weights: [1]).withLists {
                Kernels().weightedPool($0, from: zeros(3, 4), into: zeros(2, 4))
            }
        }
        expectMessage(result, "weightedPool: 1 lists, input 3×4, output 2×4")
    }

    @Test("maxPool and its derivative")
    func maxPool() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            Lists(offsets: [0, 1], indices: [0], weights: [1]).withLists {
                Kernels().maxPool($0, from: zeros(3, 4), into: zeros(2, 4))
            }
        }
        expectMessage(result, "maxPool: 1 lists, input 3×4, output 2×4")
        let backward = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            Kernels().maxPoolBackward([0, 0], zeros(1, 2), into: zeros(3, 2), reluMask: zeros(3, 1))
        }
        expectMessage(backward, "maxPoolBackward: dOutput 1×2, dInput 3×2, mask 3×1")
    }

    @Test("a softmax whose own negatives do not go up in its pairs")
    func softmax() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let pairs = HingeData(
                queries: [[1], [1]], queryIDs: [1, 1], positives: [[1], [1]], positiveIDs: [2, 2], negatives: [[1]],
                negativeIDs: [3], margin: 1)
            let data = SoftmaxData(
                pairs: pairs, own: [[1]], ownIDs: [4], temperature: 1, offsets: [0, 0, 0, 0])
            _ = data.run { Kernels().softmaxLoss($0) }
        }
        expectMessage(result, "softmaxLoss: 1 negatives for 2 pairs")
    }

    @Test("gatherRows")
    func gatherRows() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            Kernels().gatherRows([0, 1], count: 2, from: zeros(3, 4), into: zeros(2, 5))
        }
        expectMessage(result, "gatherRows: 2 rows, input 3×4, output 2×5")
    }

    @Test("l2Normalize and its derivative")
    func l2Normalize() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            Kernels().l2Normalize(zeros(3, 4), into: zeros(3, 5), norms: zeros(1, 3).base)
        }
        expectMessage(result, "l2Normalize: a 3×4, h 3×5")
        let backward = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            Kernels().l2NormalizeBackward(
                zeros(3, 4), normalized: zeros(3, 4), norms: zeros(1, 3).base, into: zeros(2, 4), reluMask: false)
        }
        expectMessage(backward, "l2NormalizeBackward: dH 3×4, h 3×4, dA 2×4")
    }

    @Test("hinge losses")
    func hinge() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let data = HingeData(
                queries: [[1, 0]], queryIDs: [1], positives: [[1, 0]], positiveIDs: [2], negatives: [[1, 0, 0]],
                negativeIDs: [3], margin: 1)
            _ = data.run { Kernels().hingeLoss($0, margin: 1) }
        }
        expectMessage(result, "hingeLoss: queries 1×2, positives 1×2, negatives 1×3")
        let own = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let data = HingeData(
                queries: [[1], [1]], queryIDs: [1, 1], positives: [[1], [1]], positiveIDs: [2, 2],
                negatives: [[1], [1], [1]], negativeIDs: [3, 3, 3], margin: 1)
            _ = data.run { Kernels().hingeLossPerPair($0, margin: 1) }
        }
        expectMessage(own, "hingeLossPerPair: 3 negatives for 2 pairs")
    }

    @Test("a matrix that its buffer cannot hold, and rows beyond its end")
    func matrix() async {
        let tooLarge = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Matrix(FloatBuffer(count: 11), rows: 3, columns: 4)
        }
        expectMessage(tooLarge, "Matrix: 3×4 at 0 of a buffer of 11")
        let beyond = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = zeros(3, 4).rows(2..<4)
        }
        expectMessage(beyond, "Matrix: rows 2..<4 of 3×4")
    }

    @Test("an index beyond the input, and a step before the first")
    func misuse() async {
        let index = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            Lists(offsets: [0, 1], indices: [3], weights: [1]).withLists {
                TransposedLists().build(from: $0, inputRows: 3)
            }
        }
        expectMessage(index, "TransposedLists: index 3, input rows 3")
        let step = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let p = zeros(4, 1)
            Kernels().adamStep(
                parameters: p.base, gradients: p.base, first: p.base, second: p.base, count: 1, learningRate: 1,
                step: 0)
        }
        expectMessage(step, "adamStep: step 0, the first is 1")
    }

    private func expectMessage(_ result: ExitTest.Result?, _ message: String) {
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains(message), "expected \(message), found \(text.prefix(300))")
    }
}

private func zeros(_ rows: Int, _ columns: Int) -> Matrix {
    Matrix(FloatBuffer(count: rows * columns), rows: rows, columns: columns)
}
