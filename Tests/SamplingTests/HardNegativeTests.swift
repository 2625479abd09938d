import Basics
import Configuration
import GraphStore
import Minibatches
import Sampling
import TestSupport
import Testing

@Suite struct HardNegativeTests {
    private func settings(seed: UInt64, _ source: HardNegativeSettings.Source) -> PipelineSettings {
        var settings = PipelineSettings()
        settings.seed = seed
        settings.batch.pairs = 6
        settings.batch.sharedNegatives = 7
        settings.batch.hardNegativesMax = 3
        settings.hardNegatives.source = source
        settings.hardNegatives.ranks = .absolute(5...30)
        settings.training.batchesPerEpoch = 2
        settings.walks.count = 4
        settings.walks.steps = 6
        settings.walks.top = 5
        return settings
    }

    /// A table with 0 to 64 random candidates for two of three pins.
    private func table(_ folder: TemporaryDirectory, epoch: UInt64, pins: Int) throws -> HardNegativeTable {
        var random = CounterBasedGenerator(seed: 3, purpose: 100, epoch, 0)
        let queries = (0..<UInt32(pins)).filter { $0 % 3 != 1 }
        let candidates = queries.map { query in
            let others = (0..<UInt32(pins)).filter { $0 != query }.shuffled(using: &random)
            return Array(others.prefix(query % 5 == 0 ? 64 : Int(query) % 4))
        }
        let tables = HardNegativeFolder(run: folder.path)
        try tables.write(
            epoch: epoch, queries: queries, candidates: candidates, checkpointChecksum: "c", recipe: "r", extra: [:])
        let name = try #require(tables.description(epoch: epoch)).name
        return try tables.open(name, pinCount: pins)
    }

    @Test("batches with hard negatives of either source equal those of the plain assembler, bit for bit")
    func twins() throws {
        let folder = try TemporaryDirectory()
        var counts = Set<Int>()
        for seed in UInt64(1)...6 {
            let test = try TestGraph.random(pins: 90, boards: 40, boardPinsMax: 5, seed: seed)
            var settings = settings(seed: seed, seed % 2 == 0 ? .ann : .pagerank)
            settings.hardNegatives.curriculum = seed < 5 ? .linear : .one
            settings.hardNegatives.excludeCoSaved = seed % 3 == 0
            settings.validation.share = seed > 2 ? 0.3 : 0
            settings.batch.supervision = seed % 4 < 2 ? .disjoint : .shared
            let assembler = try MinibatchAssembler(graph: test.graph, settings: settings, recipe: seed)
            for index in [UInt64(0), 1, 2, 3, 4, 5, 9, 1000] {
                let epoch = index / 2
                let table =
                    settings.needsHardNegativeTable(inEpoch: epoch)
                    ? try table(folder, epoch: epoch, pins: 90) : nil
                let batch = assembler.assemble(batchIndex: index, hardTable: table)
                let expected = try plainBatch(
                    test.graph, settings, recipe: seed, batchIndex: index, hardTable: table)
                #expect(BatchContents(batch) == expected, "seed \(seed), batch \(index)")
                try batch.validate(MinibatchLimits(pinCount: 90, recipe: seed))
                counts.insert(batch.hardNegativesPerPair)
            }
        }
        #expect(counts == [0, 1, 2, 3])
    }

    @Test("hard negatives are a pure function of index and table, whoever makes the batch and after what")
    func pure() throws {
        let test = try TestGraph.random(pins: 200, boards: 90, seed: 4)
        let settings = settings(seed: 9, .pagerank)
        let one = try MinibatchAssembler(graph: test.graph, settings: settings, recipe: 1)
        let other = try MinibatchAssembler(graph: test.graph, settings: settings, recipe: 1)
        let forward = (UInt64(0)..<8).map { BatchContents(one.assemble(batchIndex: $0)) }
        for index in (UInt64(0)..<8).reversed() {
            #expect(BatchContents(other.assemble(batchIndex: index)) == forward[Int(index)])
        }
    }

    @Test("boards held out for validation do not make pins co-saved")
    func heldOut() throws {
        let test = try TestGraph.random(pins: 120, boards: 30, boardPinsMax: 12, seed: 5)
        var settings = settings(seed: 2, .ann)
        settings.validation.share = 0.3
        let hidden = HiddenBoards.validation(settings)
        let draw = HardNegativeDraw(graph: test.graph, settings: settings)
        var onlyHidden = 0
        for query in UInt32(0)..<120 {
            let band = (0..<UInt32(120)).filter { $0 != query && $0 % 2 == 0 }
            let visible = Set(test.graph.boards(of: query).filter { !hidden.hides($0) })
            let allowed = band.filter { visible.isDisjoint(with: test.graph.boards(of: $0)) }
            onlyHidden += allowed.count { sharesBoard(test.graph, query, $0) }
            #expect(Set(draw.candidates(of: query, epoch: 1, from: band)).isSubset(of: allowed))
            #expect(draw.candidates(of: query, epoch: 1, from: band).count == min(64, allowed.count))
        }
        #expect(onlyHidden > 20)
    }

    @Test("candidates are different pins of the band, none that share a board where these are left out")
    func candidates() throws {
        let test = try TestGraph.random(pins: 120, boards: 30, boardPinsMax: 12, seed: 5)
        var dropped = 0
        for excludes in [true, false] {
            var settings = settings(seed: 2, .ann)
            settings.hardNegatives.excludeCoSaved = excludes
            let draw = HardNegativeDraw(graph: test.graph, settings: settings)
            for query in UInt32(0)..<120 {
                let band = (0..<UInt32(120)).filter { $0 != query && $0 % 2 == 0 }
                let allowed = band.filter { !excludes || !sharesBoard(test.graph, query, $0) }
                dropped += band.count - allowed.count
                let drawn = draw.candidates(of: query, epoch: 1, from: band)
                #expect(Set(drawn).count == drawn.count && Set(drawn).isSubset(of: allowed))
                #expect(drawn.count == min(64, allowed.count))
                #expect(draw.candidates(of: query, epoch: 1, from: band) == drawn)
                #expect(draw.candidates(of: query, epoch: 2, from: band) != drawn)
            }
        }
        #expect(dropped > 100)
    }

    private func sharesBoard(_ graph: BipartiteGraph, _ a: UInt32, _ b: UInt32) -> Bool {
        !Set(graph.boards(of: a)).isDisjoint(with: graph.boards(of: b))
    }

    @Test("a pair's negatives differ while there are enough, every candidate comes up, and without any it is the query")
    func negatives() throws {
        let test = try TestGraph.handDrawn()
        let draw = HardNegativeDraw(graph: test.graph, settings: settings(seed: 2, .ann))
        let candidates = (10..<20).map { UInt32($0) }
        var counts: [UInt32: Int] = [:]
        for pair in 0..<2000 {
            let drawn = draw.negatives(3, from: candidates, query: 1, pair: pair, batchIndex: 4)
            #expect(Set(drawn).count == 3)
            for pin in drawn { counts[pin, default: 0] += 1 }
        }
        let (value, limit) = chiSquared(candidates.map { counts[$0] ?? 0 }, expected: Array(repeating: 600, count: 10))
        #expect(value < limit, "\(counts)")
        #expect(draw.negatives(3, from: [7, 8], query: 1, pair: 0, batchIndex: 4).count == 3)
        #expect(draw.negatives(3, from: [], query: 1, pair: 0, batchIndex: 4) == [1, 1, 1])
    }

    @Test("a window that the pins are too few for is refused before anything is made")
    func window() throws {
        let test = try TestGraph.handDrawn()
        var settings = settings(seed: 1, .pagerank)
        settings.hardNegatives.ranks = .absolute(2000...5000)
        #expect(throws: ConfigError.self) {
            try MinibatchAssembler(graph: test.graph, settings: settings, recipe: 1)
        }
    }
}
