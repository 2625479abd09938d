import Basics
import Configuration
import Minibatches
import Sampling
import TestSupport
import Testing

@Suite struct NeighborhoodReuseTests {
    private func settings(_ seed: UInt64, cacheMB: Int, refresh: Int) -> PipelineSettings {
        var settings = PipelineSettings()
        (settings.seed, settings.samplers.cacheMB) = (seed, cacheMB)
        (settings.batch.pairs, settings.batch.sharedNegatives, settings.batch.refreshBatches) = (20, 15, refresh)
        (settings.walks.count, settings.walks.steps, settings.walks.top) = (4, 6, 5)
        settings.trainer.features = .inline
        return settings
    }

    /// Each frame of each batch, in this order.
    private func bytes(_ assembler: MinibatchAssembler, _ batches: [UInt64]) -> [[UInt8]] {
        batches.flatMap { index in
            let frames = MinibatchCodec.encode(assembler.assemble(batchIndex: index), sampler: "s")
            return frames.map { Array($0.bytes) }
        }
    }

    @Test("batches are the same bytes with a cache and without, over windows that change, come back and hide boards")
    func sameBytes() throws {
        // Windows of three batches: one after the other, some out of turn as leases give them, one of long ago.
        let order: [UInt64] = [0, 1, 2, 3, 4, 5, 2, 6, 4, 7, 8, 0, 1, 30, 31, 8]
        for seed in UInt64(1)...6 {
            let test = try TestGraph.random(pins: 150, boards: 70, boardPinsMax: 6, seed: seed)
            var with = settings(seed, cacheMB: 1, refresh: 3)
            with.batch.supervision = seed % 2 == 0 ? .disjoint : .shared
            with.batch.supervisionShare = 0.4
            with.validation.share = seed % 3 == 0 ? 0.2 : 0
            with.batch.excludePairEdges = seed % 4 == 0
            var without = with
            without.samplers.cacheMB = 0
            let recipe = with.recipe(graphFingerprint: 1)
            #expect(recipe == without.recipe(graphFingerprint: 1))
            let cached = try MinibatchAssembler(graph: test.graph, settings: with, recipe: recipe)
            let plain = try MinibatchAssembler(graph: test.graph, settings: without, recipe: recipe)
            #expect(bytes(cached, order) == bytes(plain, order), "seed \(seed)")
            #expect(cached.reuse.asked == plain.reuse.asked)
            #expect(cached.reuse.found > cached.reuse.asked / 4 && plain.reuse.found == 0, "seed \(seed)")
            #expect(cached.walkStepCount < plain.walkStepCount)
        }
    }

    @Test("where each batch has its own window nothing is kept")
    func windowOfOne() throws {
        let test = try TestGraph.random(pins: 100, boards: 50, seed: 2)
        let assembler = try MinibatchAssembler(
            graph: test.graph, settings: settings(2, cacheMB: 1, refresh: 1), recipe: 1)
        for index in [UInt64(0), 0, 0] { _ = assembler.assemble(batchIndex: index) }
        #expect(assembler.reuse.found == 0 && assembler.reuse.asked > 0)
    }

    @Test("a pin is walked once in a batch, and once in a window where the cache holds all")
    func walkedOnce() throws {
        let test = try TestGraph.random(pins: 100, boards: 60, seed: 3)
        let perPin = UInt64(4 * 6)
        for refresh in [1, 5] {
            let assembler = try MinibatchAssembler(
                graph: test.graph, settings: settings(3, cacheMB: 1, refresh: refresh), recipe: 1)
            var filed = Set<UInt32>()
            var expected: UInt64 = 0
            for index in UInt64(0)..<5 {
                let batch = assembler.assemble(batchIndex: index)
                let walked = batch.pins.array.prefix(batch.hiddenCount).filter {
                    !test.graph.boards(of: $0).isEmpty && (refresh == 1 || !filed.contains($0))
                }
                filed.formUnion(walked)
                expected += UInt64(walked.count) * perPin
            }
            #expect(assembler.walkStepCount == expected, "refresh \(refresh)")
        }
    }

    @Test("a cache of any size gives back what was put in last, or nothing, and no list of another window")
    func anySize() throws {
        var random = CounterBasedGenerator(seed: 5, purpose: 100, 0, 0)
        for byteCount in [0, 1, 400, 2_000, 20_000, 1 << 20] {
            let cache = NeighborhoodCache(byteCountMax: byteCount, top: 4, pinCount: 500)
            #expect(cache.byteCount <= byteCount)
            var (hits, misses) = (0, 0)
            for window in [UInt64(0), 1, 0, 2] {
                cache.begin(window: window, hiding: .none)
                var put: [UInt32: [UInt32]] = [:]
                for _ in 0..<3_000 {
                    let pin = UInt32.random(in: 0..<500, using: &random)
                    if let place = cache.find(pin) {
                        hits += 1
                        var (pins, visits) = ([UInt32](repeating: 0, count: 4), [Int32](repeating: 0, count: 4))
                        let count = cache.copy(place, pins: &pins, visits: &visits)
                        #expect(Array(pins[..<count]) == put[pin])
                        #expect(Array(visits[..<count]) == put[pin]?.map { Int32($0) + 1 })
                        continue
                    }
                    misses += 1
                    let list = (0..<Int.random(in: 0...4, using: &random)).map {
                        UInt32($0) + pin &* UInt32(window + 1)
                    }
                    cache.insert(pin, pins: list, visits: list.map { Int32($0) + 1 }, count: list.count)
                    put[pin] = list
                }
            }
            #expect((hits > 0) == (cache.capacity > 0), "\(byteCount) bytes, \(hits) hits, \(misses) misses")
            // 500 pins fit into a mebibyte: each misses once a window.
            if byteCount == 1 << 20 { #expect(misses <= 4 * 500) }
        }
    }

    @Test("other hidden boards are another window")
    func hidden() {
        let cache = NeighborhoodCache(byteCountMax: 1 << 16, top: 2, pinCount: 100)
        var settings = PipelineSettings()
        settings.validation.share = 0.5
        let hidden = HiddenBoards.validation(settings)
        cache.begin(window: 7, hiding: .none)
        cache.insert(3, pins: [1, 2], visits: [1, 1], count: 2)
        cache.begin(window: 7, hiding: .none)
        #expect(cache.find(3) != nil)
        cache.begin(window: 7, hiding: hidden)
        #expect(cache.find(3) == nil)
    }
}
