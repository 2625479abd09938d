import Basics
import Minibatches
import Testing

@Suite struct MinibatchValidateTests {
    /// The error of a batch in which `change` spoiled one thing.
    private func error(_ change: (inout Minibatch) -> Void) -> MinibatchError? {
        var batch = sampleBatch(seed: 3)
        change(&batch)
        return errorOf { () throws(MinibatchError) in try batch.validate(sampleLimits()) }
    }

    /// A copy of `array` with one element replaced.
    private func with<Element>(_ array: FrameArray<Element>, _ at: Int, _ value: Element) -> FrameArray<Element> {
        var elements = array.array
        elements[at] = value
        return FrameArray(elements)
    }

    private func changing(
        _ features: InlineFeatures?, _ change: (FrameArray<Float>) -> FrameArray<Float>
    ) -> InlineFeatures? {
        features.map { InlineFeatures(width: $0.width, values: change($0.values)) }
    }

    @Test("no more hard negatives share a board than there are")
    func coSaved() {
        let count = sampleBatch(seed: 3).hardNegatives.count
        #expect(
            error { $0.coSavedCount = count + 1 }
                == .count(of: "hard negatives that share a board", expected: "0 to \(count)", found: count + 1))
    }

    @Test("valid batches pass")
    func valid() throws {
        for seed in UInt64(1)...100 { try sampleBatch(seed: seed).validate(sampleLimits()) }
    }

    @Test("an index outside its range is named with array, place and bound")
    func indices() throws {
        let batch = sampleBatch(seed: 3)
        let (targets, hidden, pins) = (batch.targetCount, batch.hiddenCount, batch.pinCount)
        func outOfRange(_ array: String, _ at: Int, _ bound: Int, _ found: Int) -> MinibatchError {
            .indexOutOfRange(array: array, at: at, bound: bound, found: found)
        }
        for value in [Int32(-1), .min, .max] {
            let found = Int(value)
            #expect(
                error { $0.neighborhoods[0].neighbors = with($0.neighborhoods[0].neighbors, 2, value) }
                    == outOfRange("layer 1 neighbors", 2, pins, found))
            #expect(
                error { $0.neighborhoods[1].neighbors = with($0.neighborhoods[1].neighbors, 1, value) }
                    == outOfRange("layer 2 neighbors", 1, hidden, found))
            #expect(error { $0.queries = with($0.queries, 0, value) } == outOfRange("queries", 0, targets, found))
            #expect(error { $0.positives = with($0.positives, 0, value) } == outOfRange("positives", 0, targets, found))
            #expect(
                error { $0.sharedNegatives = with($0.sharedNegatives, 2, value) }
                    == outOfRange("shared negatives", 2, targets, found))
            #expect(
                error { $0.hardNegatives = with($0.hardNegatives, 1, value) }
                    == outOfRange("hard negatives", 1, targets, found))
        }
        // The first value that is out of range, and the last that is not.
        #expect(
            error { $0.neighborhoods[0].neighbors = with($0.neighborhoods[0].neighbors, 0, Int32(pins)) }
                == outOfRange("layer 1 neighbors", 0, pins, pins))
        #expect(
            error { $0.neighborhoods[0].neighbors = with($0.neighborhoods[0].neighbors, 0, Int32(pins - 1)) } == nil)
        #expect(
            error { $0.neighborhoods[1].neighbors = with($0.neighborhoods[1].neighbors, 0, Int32(hidden)) }
                == outOfRange("layer 2 neighbors", 0, hidden, hidden))
        #expect(
            error { $0.queries = with($0.queries, 0, Int32(targets)) } == outOfRange("queries", 0, targets, targets))
        #expect(error { $0.pins = with($0.pins, 4, 1000) } == outOfRange("pins", 4, 1000, 1000))
        #expect(error { $0.pins = with($0.pins, 4, 999) } == nil)
    }

    @Test("offsets that do not start at 0, fall, pass the end or end early are named")
    func offsets() {
        for (layer, name) in [(0, "layer 1 offsets"), (1, "layer 2 offsets")] {
            func error(_ change: (inout [Int32]) -> Void) -> MinibatchError? {
                self.error { batch in
                    var offsets = batch.neighborhoods[layer].offsets.array
                    change(&offsets)
                    batch.neighborhoods[layer].offsets = FrameArray(offsets)
                }
            }
            func isOffset(_ error: MinibatchError?, at: Int) -> Bool {
                guard case .offset(name, at, _, _) = error else { return false }
                return true
            }
            let batch = sampleBatch(seed: 3)
            let last = batch.neighborhoods[layer].count
            let entries = Int32(batch.neighborhoods[layer].neighbors.count)
            #expect(isOffset(error { $0[0] = 1 }, at: 0))
            #expect(isOffset(error { $0[0] = -1 }, at: 0))
            #expect(isOffset(error { $0[2] = .min }, at: 2))
            #expect(isOffset(error { $0[2] = .max }, at: 2))
            // Within the entries, but falling from list 1 to list 2.
            #expect(batch.neighborhoods[layer].offsets[2] < entries)
            #expect(isOffset(error { $0[1] = entries }, at: 2))
            #expect(isOffset(error { $0[last] = entries + 1 }, at: last))
            #expect(isOffset(error { for i in 1...last { $0[i] = 0 } }, at: last))
        }
    }

    @Test("a weight or a feature that is not finite is named")
    func values() {
        for bad in [Float.nan, .infinity, -.infinity] {
            let found = "\(bad)"
            #expect(
                error { $0.neighborhoods[0].weights = with($0.neighborhoods[0].weights, 1, bad) }
                    == .value(array: "layer 1 weights", at: 1, expected: "a finite number", found: found))
            #expect(
                error { $0.neighborhoods[1].weights = with($0.neighborhoods[1].weights, 0, bad) }
                    == .value(array: "layer 2 weights", at: 0, expected: "a finite number", found: found))
            #expect(
                error { $0.features = changing($0.features) { with($0, 5, bad) } }
                    == .value(array: "features", at: 5, expected: "a finite number", found: found))
        }
    }

    @Test("counts that do not agree are named")
    func counts() {
        let batch = sampleBatch(seed: 3)
        #expect(error { $0.targetCount += 1 } != nil)
        #expect(error { $0.targetCount = 0 } == .count(of: "targets", expected: "1 to \(batch.hiddenCount)", found: 0))
        #expect(error { $0.hiddenCount = $0.pinCount + 1 } != nil)
        #expect(error { $0.hiddenCount -= 1 } != nil)
        #expect(error { $0.neighborhoods.removeLast() } == .count(of: "layers", expected: "2", found: 1))
        #expect(
            error { $0.positives = FrameArray($0.positives.array + [0]) }
                == .count(of: "positives", expected: "\(batch.pairCount)", found: batch.pairCount + 1))
        #expect(error { $0.queries = FrameArray([]) } != nil)
        #expect(
            error {
                $0.queries = FrameArray([0, 1])
                $0.positives = FrameArray([0, 1])
                $0.hardNegatives = FrameArray([0, 1, 2])
            } == .count(of: "hard negatives", expected: "a multiple of 2", found: 3))
        #expect(
            error { $0.neighborhoods[1].weights = FrameArray($0.neighborhoods[1].weights.array.dropLast()) } != nil)
        #expect(error { $0.features = changing($0.features) { FrameArray($0.array.dropLast()) } } != nil)
        #expect(error { $0.features?.width = .max } != nil)
        #expect(error { $0.features = nil } == .count(of: "feature width", expected: "3", found: 0))
    }

    @Test("errors read as one line that says what was expected and what to do")
    func texts() {
        #expect(
            "\(MinibatchError.foreignRecipe(expected: 1, found: 0xab))"
                == "minibatch: recipe: made from another graph or configuration: expected 0000000000000001, "
                + "found 00000000000000ab. Start the samplers with the trainer's configuration.")
        #expect(
            "\(MinibatchError.frameLength(array: "pins", expectedBytes: 8, foundBytes: 7))"
                == "minibatch: pins: wrong length: expected 8 bytes, found 7.")
        #expect(
            "\(MinibatchError.indexOutOfRange(array: "queries", at: 3, bound: 5, found: -1))"
                == "minibatch: queries[3]: out of range: expected 0 ..< 5, found -1.")
    }
}
