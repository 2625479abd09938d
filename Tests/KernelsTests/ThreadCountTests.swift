import Kernels
import Testing

/// Bits must not depend on how many threads there are.
@Suite struct ThreadCountTests {
    static let threadCounts = [1, 2, 3, 8]

    @Test("products give the same bits with 1, 2, 3 and 8 threads", arguments: InstructionSet.available)
    func products(set: InstructionSet) {
        var random = Numbers(seed: 21)
        for (m, n, k) in [(40, 300, 30), (1_300, 70, 33), (1_300, 140, 233), (5_000, 40, 66)] {
            let (a, b) = (Island(m, k, random: &random), Island(k, n, random: &random))
            let (bT, dC) = (Island(n, k, random: &random), Island(m, n, random: &random))
            expectSameBits(set, [(m, n), (m, n), (k, n), (1, n)], "m \(m), n \(n), k \(k)") { kernels, outputs in
                kernels.multiply(a.matrix, b.matrix, into: outputs[0].matrix)
                kernels.multiplyTransposedB(a.matrix, bT.matrix, into: outputs[1].matrix)
                kernels.multiplyTransposedA(a.matrix, dC.matrix, into: outputs[2].matrix)
                kernels.columnSums(dC.matrix, into: outputs[3].base)
            }
        }
    }

    @Test("a row's product has the same bits alone and among others", arguments: InstructionSet.available)
    func rowAlone(set: InstructionSet) {
        var random = Numbers(seed: 22)
        let (a, b) = (Island(13, 50, random: &random), Island(50, 150, random: &random))
        let kernels = Kernels(instructionSet: set)
        let (all, alone) = (Island(unset: 13, 150), Island(unset: 13, 150))
        kernels.multiply(a.matrix, b.matrix, into: all.matrix)
        for row in 0..<13 {
            for columns in [0..<3, 3..<140, 140..<150] {
                kernels.multiply(
                    a.matrix.rows(row..<row + 1), b.matrix.columns(columns),
                    into: alone.matrix.rows(row..<row + 1).columns(columns))
            }
        }
        #expect(all.bits == alone.bits)
    }

    @Test(
        "pooling, normalising and Adam give the same bits with 1, 2, 3 and 8 threads",
        arguments: InstructionSet.available)
    func rows(set: InstructionSet) {
        var random = Numbers(seed: 23)
        let lists = Lists(counts: (0..<700).map { $0 % 23 }, inputRows: 90, random: &random)
        let (input, dH) = (Island(90, 37, random: &random), Island(700, 37, random: &random))
        let gradients = Island(1, 50_000, random: &random)
        let shapes = [(700, 37), (700, 37), (1, 700), (700, 37), (1, 50_000), (1, 50_000), (1, 50_000)]
        expectSameBits(set, shapes, "rows") { kernels, outputs in
            lists.withLists { kernels.weightedPool($0, from: input.matrix, into: outputs[0].matrix) }
            kernels.l2Normalize(outputs[0].matrix, into: outputs[1].matrix, norms: outputs[2].base)
            kernels.l2NormalizeBackward(
                dH.matrix, normalized: outputs[1].matrix, norms: outputs[2].base, into: outputs[3].matrix,
                reluMask: true)
            for output in outputs[4...] {
                for i in 0..<50_000 { output.base[i] = 0.5 }
            }
            kernels.adamStep(
                parameters: outputs[4].base, gradients: gradients.base, first: outputs[5].base,
                second: outputs[6].base, count: 50_000, learningRate: 0.1, step: 2)
        }
    }

    @Test("lists are turned round alike with 1, 2, 3 and 8 threads")
    func transposedLists() {
        var random = Numbers(seed: 25)
        let lists = Lists(counts: (0..<2_000).map { $0 % 23 }, inputRows: 900, random: &random)
        let found = Self.threadCounts.map { threads in
            let transposed = TransposedLists()
            lists.withLists { transposed.build(from: $0, inputRows: 900, team: ThreadTeam(threads: threads)) }
            let turned = transposed.lists
            let entries = Int(turned.offsets[900])
            return (0...900).map { UInt32(turned.offsets[$0]) } + (0..<entries).map { UInt32(turned.indices[$0]) }
                + (0..<entries).map { turned.weights[$0].bitPattern }
        }
        #expect(found[0].count > 2 * 16_384)
        #expect(found.allSatisfy { $0 == found[0] })
    }

    @Test(
        "losses and their gradients give the same bits with 1, 2, 3 and 8 threads",
        arguments: InstructionSet.available)
    func hinge(set: InstructionSet) {
        for isOwn in [false, true] {
            var results: [HingeResult] = []
            var bits: [[UInt32]] = []
            for threads in Self.threadCounts {
                var random = Numbers(seed: 24)
                let data = HingeData(
                    pairs: 700, negatives: isOwn ? 2_100 : 333, width: 21, margin: 0.2, ids: 500, random: &random
                ) { $0.nextFloat() }
                data.setPairGradients(to: 0.25)
                results.append(
                    data.run {
                        let kernels = Kernels(instructionSet: set, team: ThreadTeam(threads: threads))
                        return isOwn
                            ? kernels.hingeLossPerPair($0, margin: data.margin)
                            : kernels.hingeLoss($0, margin: data.margin)
                    })
                bits.append(data.dQueries.bits + data.dPositives.bits + data.dNegatives.bits)
            }
            #expect(results.allSatisfy { $0 == results[0] }, "\(set), own \(isOwn): \(results)")
            #expect(bits.allSatisfy { $0 == bits[0] }, "\(set), own \(isOwn)")
        }
    }

    @Test(
        "the softmax and its gradients give the same bits with 1, 2, 3 and 8 threads",
        arguments: InstructionSet.available)
    func softmax(set: InstructionSet) {
        var results: [SoftmaxResult] = []
        var bits: [[[UInt32]]] = []
        for threads in Self.threadCounts {
            var random = Numbers(seed: 26)
            let data = SoftmaxData(.init(pairs: 700, shared: 333, own: 3, width: 21), ids: 500, random: &random)
            let kernels = Kernels(instructionSet: set, team: ThreadTeam(threads: threads))
            results.append(data.run { kernels.softmaxLoss($0) })
            bits.append(data.gradients.map(\.bits))
        }
        #expect(results.allSatisfy { $0 == results[0] }, "\(set): \(results)")
        #expect(bits.allSatisfy { $0 == bits[0] }, "\(set)")
    }

    @Test("max pooling gives the same bits with 1, 2, 3 and 8 threads", arguments: InstructionSet.available)
    func maxPool(set: InstructionSet) {
        var random = Numbers(seed: 27)
        let lists = Lists(counts: (0..<700).map { $0 % 23 }, inputRows: 90, random: &random)
        let (input, dOutput) = (Island(90, 137, random: &random), Island(700, 137, random: &random))
        let mask = Island(90, 137, random: &random)
        expectSameBits(set, [(700, 137), (90, 137)], "max pooling") { kernels, outputs in
            let winners = UnsafeMutablePointer<Int32>.allocate(capacity: 700 * 137)
            defer { winners.deallocate() }
            lists.withLists { kernels.maxPool($0, from: input.matrix, into: outputs[0].matrix, winners: winners) }
            kernels.maxPoolBackward(winners, dOutput.matrix, into: outputs[1].matrix, reluMask: mask.matrix)
        }
    }

    private func expectSameBits(
        _ set: InstructionSet, _ shapes: [(Int, Int)], _ what: String, _ body: (Kernels, [Island]) -> Void
    ) {
        var bits: [[[UInt32]]] = []
        for threads in Self.threadCounts {
            let outputs = shapes.map { Island(unset: $0.0, $0.1) }
            body(Kernels(instructionSet: set, team: ThreadTeam(threads: threads)), outputs)
            bits.append(outputs.map(\.bits))
        }
        for (threads, found) in zip(Self.threadCounts, bits) {
            for output in shapes.indices {
                #expect(found[output] == bits[0][output], "\(set), \(what): output \(output) with \(threads) threads")
            }
        }
    }
}
