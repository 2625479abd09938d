import Artifacts
import Basics
import CAllocationCount
import Configuration
import Glibc
import Minibatches
import Sampling
import TestSupport
import Testing

@Suite struct MinibatchMemoryTests {
    private func settings() -> PipelineSettings {
        var settings = PipelineSettings()
        (settings.batch.pairs, settings.batch.sharedNegatives) = (30, 20)
        (settings.walks.count, settings.walks.steps, settings.walks.top) = (4, 6, 5)
        settings.trainer.features = .inline
        return settings
    }

    @Test(
        "after warm-up, neither a batch nor its message takes anything from the heap",
        .enabled(if: allocation_count_works(), "a sanitizer's allocator does not count"),
        arguments: [1, 3], TrainerSettings.Wire.allCases)
    func allocations(refresh: Int, wire: TrainerSettings.Wire) throws {
        let test = try TestGraph.random(pins: 400, boards: 150, seed: 8)
        var settings = settings()
        settings.trainer.wire = wire
        settings.batch.refreshBatches = refresh
        settings.batch.supervision = refresh == 1 ? .shared : .disjoint
        let assembler = try MinibatchAssembler(graph: test.graph, settings: settings, recipe: 1)
        func send(_ index: UInt64) -> Int {
            MinibatchCodec.encode(assembler.assemble(batchIndex: index), sampler: "a sampler's long name").count
        }
        for index in UInt64(0)..<40 { #expect(send(index) == 14) }
        let before = allocation_count()
        for index in UInt64(0)..<40 { _ = send(index) }
        let count = allocation_count() - before
        #expect(count == 0, "\(count) allocations in 40 batches")
    }

    @Test("nor one with hard negatives of a table", .enabled(if: allocation_count_works()))
    func allocationsOfHardNegatives() throws {
        let test = try TestGraph.random(pins: 90, boards: 40, boardPinsMax: 5, seed: 4)
        var settings = settings()
        settings.batch.hardNegativesMax = 3
        settings.training.batchesPerEpoch = 50
        settings.hardNegatives.ranks = .absolute(10...40)
        let folder = try TemporaryDirectory()
        let tables = HardNegativeFolder(run: folder.path)
        try tables.write(
            epoch: 1, queries: (0..<80).map { UInt32($0) },
            candidates: (0..<80).map { pin in (0..<pin % 7).map { UInt32(($0 * 11 + pin) % 90) } },
            checkpointChecksum: "c", recipe: "r", extra: [:])
        let table = try tables.open(#require(tables.description(epoch: 1)).name, pinCount: 90)
        let assembler = try MinibatchAssembler(graph: test.graph, settings: settings, recipe: 1)
        func send(_ index: UInt64) -> Int {
            MinibatchCodec.encode(assembler.assemble(batchIndex: index, hardTable: table), sampler: "s").count
        }
        for index in UInt64(50)..<70 { _ = send(index) }
        let before = allocation_count()
        for index in UInt64(50)..<70 { _ = send(index) }
        #expect(allocation_count() == before)
    }

    @Test("memory that a batch or a message still has is not written to; it serves again when they are gone")
    func heldBatches() throws {
        let test = try TestGraph.random(pins: 200, boards: 90, seed: 6)
        let assembler = try MinibatchAssembler(graph: test.graph, settings: settings(), recipe: 1)
        func fresh(_ index: UInt64) throws -> BatchContents {
            BatchContents(
                try MinibatchAssembler(graph: test.graph, settings: settings(), recipe: 1).assemble(batchIndex: index))
        }
        var held = (UInt64(0)..<12).map { assembler.assemble(batchIndex: $0) }
        let messages = (UInt64(12)..<24).map {
            MinibatchCodec.encode(assembler.assemble(batchIndex: $0), sampler: "s")
        }
        let limits = MinibatchLimits(pinCount: 200, recipe: 1, featureWidth: 3)
        for index in UInt64(0)..<12 {
            #expect(try BatchContents(held[Int(index)]) == fresh(index))
            #expect(try BatchContents(MinibatchCodec.decode(messages[Int(index)], limits: limits)) == fresh(index + 12))
        }
        let place = held[0].pins.frame
        held.removeSubrange(1...)
        // Only the array of one batch is held: its memory is taken as long as that is.
        let pins = held[0].pins
        held = []
        for index in UInt64(30)..<40 {
            #expect(assembler.assemble(batchIndex: index).pins.frame !== place)
        }
        #expect(try pins.array == fresh(0).pins)
    }

    @Test("memory that is given back takes no pages until the next batch, which is as it would be; what is held stays")
    func givenBack() throws {
        let test = try TestGraph.random(pins: 4000, boards: 1000, boardPinsMax: 60, seed: 6)
        var settings = settings()
        (settings.batch.pairs, settings.walks.count, settings.walks.top) = (1000, 60, 250)
        func contents(_ index: UInt64) throws -> BatchContents {
            BatchContents(
                try MinibatchAssembler(graph: test.graph, settings: settings, recipe: 1).assemble(batchIndex: index))
        }
        let assembler = try MinibatchAssembler(graph: test.graph, settings: settings, recipe: 1)
        for index in UInt64(0)..<3 {
            var held: Minibatch? = assembler.assemble(batchIndex: index)
            let bytes = try #require(held?.neighborhoods[0].weights.frame.bytes)
            try #require(bytes.count > 2 << 20, "\(bytes.count)")
            #expect(assembler.giveBack(whole: true) == 1)
            #expect(residentPages(bytes) >= bytes.count / 4096 - 1)
            #expect(try BatchContents(#require(held)) == contents(index))
            held = nil
            #expect(assembler.giveBack(whole: false) == 0)
            #expect(residentPages(bytes) >= bytes.count / 4096 - 1)
            #expect(assembler.giveBack(whole: true) == 0)
            #expect(residentPages(bytes) == 0)
        }
    }

    /// Whole pages of some bytes that are in memory; of the page at either end others may have a part.
    private func residentPages(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
        guard let base = bytes.baseAddress else { return 0 }
        let first = base.alignedUp(toMultipleOf: 4096)
        let count = (base + bytes.count - first) / 4096
        var pages = [UInt8](repeating: 0, count: count)
        #expect(mincore(first, 4096 * count, &pages) == 0)
        return pages.count { $0 & 1 != 0 }
    }

    @Test("memory serves the next batch once the message is gone")
    func servesAgain() throws {
        let test = try TestGraph.random(pins: 200, boards: 90, seed: 6)
        let assembler = try MinibatchAssembler(graph: test.graph, settings: settings(), recipe: 1)
        func frame(_ index: UInt64) -> ObjectIdentifier {
            ObjectIdentifier(MinibatchCodec.encode(assembler.assemble(batchIndex: index), sampler: "s")[1])
        }
        #expect(Set((UInt64(0)..<10).map { frame($0) }).count == 1)
    }

    @Test("features travel as float16 rounded to the nearest, in half the bytes, and are widened by whoever learns")
    func float16() throws {
        let test = try TestGraph.random(pins: 60, boards: 40, seed: 6)
        var settings = settings()
        let whole = try MinibatchAssembler(graph: test.graph, settings: settings, recipe: 1).assemble(batchIndex: 3)
        settings.trainer.wire = .float16
        let batch = try MinibatchAssembler(graph: test.graph, settings: settings, recipe: 1).assemble(batchIndex: 3)
        let limits = MinibatchLimits(pinCount: 60, recipe: 1, featureWidth: 3, featurePrecision: .float16)
        let decoded = try MinibatchCodec.decode(MinibatchCodec.encode(batch, sampler: "s"), limits: limits)
        let (features, expected) = try (#require(decoded.features), #require(whole.features).values.array)
        #expect(features.frame.byteCount == 2 * expected.count)
        var found = [Float](repeating: .nan, count: decoded.pinCount * 5)
        features.copyRows(into: &found, rowStride: 5)
        for row in 0..<decoded.pinCount {
            #expect(
                found[row * 5..<row * 5 + 3].elementsEqual(expected[row * 3..<row * 3 + 3].map { Float(Float16($0)) }))
            #expect(found[row * 5 + 3].isNaN && found[row * 5 + 4].isNaN)
        }
        #expect(batch.pins.array == whole.pins.array)
        #expect(throws: MinibatchError.self) {
            try batch.validate(MinibatchLimits(pinCount: 60, recipe: 1, featureWidth: 3))
        }
    }
}
