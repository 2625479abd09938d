import Basics
import Configuration
import GraphStore
import Minibatches
import Sampling
import TestSupport
import Testing

@Suite struct MinibatchAssemblerTests {
    /// Small settings in which everything happens: repeats among targets, short lists, partners among neighbours.
    private func settings(seed: UInt64, pairs: Int = 6, negatives: Int = 7) -> PipelineSettings {
        var settings = PipelineSettings()
        settings.seed = seed
        settings.batch.pairs = pairs
        settings.batch.sharedNegatives = negatives
        settings.walks.count = 4
        settings.walks.steps = 6
        settings.walks.top = 5
        return settings
    }

    @Test("batches equal those of the plain assembler in every setting, bit for bit")
    func twins() throws {
        for seed in UInt64(1)...8 {
            let test = try TestGraph.random(pins: 80, boards: 40, boardPinsMax: 5, seed: seed)
            var settings = settings(seed: seed)
            settings.walks.pooling = WalkSettings.Pooling.allCases[Int(seed % 3)]
            settings.walks.restart = [0, 0.5, 0.85][Int(seed % 3)]
            settings.batch.boards = seed % 4 < 2 ? .uniform : .edges
            settings.batch.excludePairEdges = seed % 8 < 4
            settings.batch.refreshBatches = Int(seed % 3) + 1
            settings.trainer.features = seed % 5 < 3 ? .inline : .mapped
            settings.batch.supervision = seed % 3 == 0 ? .disjoint : .shared
            settings.validation.share = seed % 4 == 0 ? 0.2 : 0
            let assembler = try MinibatchAssembler(graph: test.graph, settings: settings, recipe: seed)
            for index in [UInt64(0), 1, 2, 3, 1000, 1 << 40] {
                let batch = BatchContents(assembler.assemble(batchIndex: index))
                let expected = try plainBatch(test.graph, settings, recipe: seed, batchIndex: index)
                #expect(batch == expected, "seed \(seed), batch \(index)")
            }
        }
    }

    @Test("without neighbours, and with one-step neighbours as in GraphSAGE, batches equal the plain assembler's")
    func otherNetworks() throws {
        let test = try TestGraph.random(pins: 80, boards: 40, boardPinsMax: 5, seed: 3)
        for overrides in [["walks.top=0"], ["walks.steps=1", "walks.restart=0", "walks.pooling=uniform"]] {
            var settings = try PipelineSettings.load(text: "walks: {count: 25}", path: "c.yaml", overrides: overrides)
            (settings.batch.pairs, settings.batch.sharedNegatives) = (6, 7)
            let assembler = try MinibatchAssembler(graph: test.graph, settings: settings, recipe: 1)
            let raw = assembler.assemble(batchIndex: 5)
            try raw.validate(MinibatchLimits(pinCount: 80, recipe: 1))
            let batch = BatchContents(raw)
            #expect(try batch == plainBatch(test.graph, settings, recipe: 1, batchIndex: 5))
            let isAlone = settings.walks.top == 0
            let hasNone = batch.lists.joined().allSatisfy { $0.isEmpty }
            #expect(hasNone == isAlone)
            #expect((batch.pins.count == batch.targetCount) == isAlone)
            #expect((assembler.walkStepCount == 0) == isAlone)
        }
    }

    @Test("every batch is valid, its rows distinct and laid out as documented")
    func invariants() throws {
        for seed in UInt64(1)...20 {
            let test = try TestGraph.random(pins: 150, boards: 60, boardPinsMax: 8, seed: seed)
            let assembler = try MinibatchAssembler(graph: test.graph, settings: settings(seed: seed), recipe: 42)
            for index in UInt64(0)..<5 {
                let raw = assembler.assemble(batchIndex: index)
                try raw.validate(MinibatchLimits(pinCount: 150, recipe: 42))
                let batch = BatchContents(raw)
                #expect(Set(batch.pins).count == batch.pins.count, "seed \(seed), batch \(index)")
                #expect(batch.queries.count == 6 && batch.sharedNegatives.count == 7 && batch.hardNegatives.isEmpty)
                #expect([batch.lists[0].count, batch.lists[1].count] == [batch.hiddenCount, batch.targetCount])
                for list in batch.lists.joined() where !list.isEmpty {
                    #expect(abs(list.reduce(0) { $0 + $1.weight } - 1) < 1e-5)
                }
                // Rows appear in order: each new one is the number of those before it.
                let targets = batch.queries + batch.positives + batch.sharedNegatives
                #expect(Self.firstAppearances(targets, from: 0) == batch.targetCount)
                let hidden = batch.lists[0][..<batch.targetCount].joined().map(\.row)
                #expect(Self.firstAppearances(hidden, from: batch.targetCount) == batch.hiddenCount)
                let rest = batch.lists[0][batch.targetCount...].joined().map(\.row)
                #expect(Self.firstAppearances(rest, from: batch.hiddenCount) == batch.pins.count)
                for (query, positive) in zip(batch.queries, batch.positives) {
                    let boards = Set(test.graph.boards(of: batch.pins[Int(query)]))
                    #expect(query != positive)
                    #expect(!boards.isDisjoint(with: test.graph.boards(of: batch.pins[Int(positive)])))
                    #expect(!batch.lists[1][Int(query)].contains { $0.row == positive })
                    #expect(!batch.lists[1][Int(positive)].contains { $0.row == query })
                }
            }
        }
    }

    /// Rows after all of `rows` were met, where each must be known or the next new one; −1 when one is neither.
    private static func firstAppearances(_ rows: [Int32], from known: Int) -> Int {
        rows.reduce(known) { known, row in known < 0 || row > known ? -1 : max(known, Int(row) + 1) }
    }

    @Test("partners are left out of the top layer alone, and only where that is wanted")
    func partners() throws {
        let test = try TestGraph.random(pins: 40, boards: 20, boardPinsMax: 6, seed: 3)
        var settings = settings(seed: 3, pairs: 10)
        var found = [true: 0, false: 0]
        var firstLayer = 0
        for excludes in [true, false] {
            settings.batch.excludePairEdges = excludes
            let assembler = try MinibatchAssembler(graph: test.graph, settings: settings, recipe: 1)
            for index in UInt64(0)..<20 {
                let batch = BatchContents(assembler.assemble(batchIndex: index))
                for (query, positive) in zip(batch.queries, batch.positives) {
                    found[excludes, default: 0] += batch.lists[1][Int(query)].filter { $0.row == positive }.count
                    firstLayer += batch.lists[0][Int(query)].filter { $0.row == positive }.count
                }
            }
        }
        #expect(found[true] == 0)
        #expect(found[false]! > 50)
        #expect(firstLayer == 2 * found[false]!)
    }

    @Test("the same index gives the same bytes from any assembler in any order; other indices differ")
    func pure() throws {
        let test = try TestGraph.random(pins: 200, boards: 80, seed: 4)
        var settings = settings(seed: 9)
        settings.trainer.features = .inline
        func checksums(_ indices: [UInt64]) throws -> [UInt64: [UInt8]] {
            let assembler = try MinibatchAssembler(graph: test.graph, settings: settings, recipe: 1)
            return Dictionary(
                uniqueKeysWithValues: indices.map { index in
                    let frames = MinibatchCodec.encode(assembler.assemble(batchIndex: index), sampler: "s")
                    return (index, withExtendedLifetime(frames) { Array(frames[0].bytes) })
                })
        }
        // The header holds the checksum of every other frame.
        let forward = try checksums([0, 1, 2, 3, 4, 5])
        #expect(try checksums([5, 3, 1, 0, 4, 2]) == forward)
        #expect(try checksums([3])[3] == forward[3])
        #expect(Set(forward.values).count == 6)
        var pins = Set<[UInt32]>()
        let assembler = try MinibatchAssembler(graph: test.graph, settings: settings, recipe: 1)
        for index in UInt64(0)..<20 { pins.insert(assembler.assemble(batchIndex: index).pins.array) }
        #expect(pins.count == 20)
    }

    @Test("neighbourhoods stay the same within a window and change with it; pairs change with each batch")
    func refresh() throws {
        let test = try TestGraph.random(pins: 30, boards: 20, boardPinsMax: 10, seed: 5)
        var settings = settings(seed: 5, pairs: 20, negatives: 100)
        settings.batch.refreshBatches = 3
        settings.batch.excludePairEdges = false
        let assembler = try MinibatchAssembler(graph: test.graph, settings: settings, recipe: 1)
        let batches = (UInt64(0)..<6).map { BatchContents(assembler.assemble(batchIndex: $0)) }
        /// Neighbours and weights by pin.
        func neighborhoods(_ batch: BatchContents) -> [UInt32: [UInt32: Float]] {
            var lists: [UInt32: [UInt32: Float]] = [:]
            for (row, list) in batch.lists[0].enumerated() {
                lists[batch.pins[row]] = Dictionary(
                    uniqueKeysWithValues: list.map { (batch.pins[Int($0.row)], $0.weight) })
            }
            return lists
        }
        // The batches are large enough to hold every pin.
        #expect(batches.allSatisfy { $0.hiddenCount == 30 })
        #expect(neighborhoods(batches[0]) == neighborhoods(batches[2]))
        #expect(neighborhoods(batches[3]) == neighborhoods(batches[5]))
        #expect(neighborhoods(batches[2]) != neighborhoods(batches[3]))
        #expect(batches[0].queries != batches[1].queries)
    }

    @Test("feature rows travel only where wanted, and are those of the pins")
    func features() throws {
        let test = try TestGraph.random(pins: 50, boards: 30, seed: 6)
        var settings = settings(seed: 6)
        let without = try MinibatchAssembler(graph: test.graph, settings: settings, recipe: 1).assemble(batchIndex: 0)
        #expect(without.features.map(\.width) == nil)
        settings.trainer.features = .inline
        let batch = try MinibatchAssembler(graph: test.graph, settings: settings, recipe: 1).assemble(batchIndex: 0)
        let features = try #require(batch.features)
        let all = try #require(test.graph.features?.float32Elements)
        #expect(features.width == 3)
        for (row, pin) in batch.pins.array.enumerated() {
            let expected = Array(all[Int(pin) * 3..<Int(pin) * 3 + 3])
            #expect((0..<3).map { features.values[row * 3 + $0] } == expected)
        }
        try batch.validate(MinibatchLimits(pinCount: 50, recipe: 1, featureWidth: 3))
    }

    @Test("a graph without pairs and a batch beyond 32 bits are refused in one line")
    func refused() throws {
        let lonely = try TestGraph(pinsOfBoard: [[0], [1], [1]], pinCount: 3)
        #expect(throws: SamplingError.noPairs(graph: lonely.graph.directory, boardCount: 3)) {
            try MinibatchAssembler(graph: lonely.graph, settings: settings(seed: 1), recipe: 1)
        }
        #expect(
            "\(SamplingError.noPairs(graph: "g", boardCount: 3))"
                == "sampling: g: no positive pairs: expected a board with two pins or more, found none among 3 boards. "
                + "Import a graph whose boards hold several pins.")
        #expect(
            "\(SamplingError.batchTooLarge(entriesMax: 3_000_000_000))"
                == "sampling: batch: too large: expected at most 2147483647 neighbours, found up to 3000000000. "
                + "Lower batch.pairs, batch.shared_negatives or walks.top.")
    }
}
