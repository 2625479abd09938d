import Basics

/// What a receiver knows before a batch arrives: everything a batch must agree with.
public struct MinibatchLimits: Equatable, Sendable {
    /// Pins of the graph: every pin id is below.
    public var pinCount: Int
    /// The recipe of the run.
    public var recipe: UInt64
    /// Width of the feature rows that travel in the batch; 0 when none travel.
    public var featureWidth: Int
    /// How they travel.
    public var featurePrecision: WirePrecision
    /// Most bytes of a batch, all frames together. The default is 2 GiB.
    public var byteCountMax: Int

    public init(
        pinCount: Int, recipe: UInt64, featureWidth: Int = 0, featurePrecision: WirePrecision = .float32,
        byteCountMax: Int = 1 << 31
    ) {
        self.featurePrecision = featurePrecision
        self.pinCount = pinCount
        self.recipe = recipe
        self.featureWidth = featureWidth
        self.byteCountMax = byteCountMax
    }
}

extension Minibatch {
    /// Checks everything that the trainer's arithmetic relies on: the recipe, that counts agree, that offsets start
    /// at 0 and never fall, that every index is in range, and that every weight and feature is finite.
    ///
    /// - Throws: the first fault, in the order of the frames.
    /// - Complexity: one pass over every array; allocates nothing.
    public func validate(_ limits: MinibatchLimits) throws(MinibatchError) {
        guard recipe == limits.recipe else { throw .foreignRecipe(expected: limits.recipe, found: recipe) }
        try checkCounts(limits)
        if let at = unsafe pins.elements.firstIndex(where: { Int($0) >= limits.pinCount }) {
            throw .indexOutOfRange(
                array: MinibatchArray.pins.name, at: at, bound: limits.pinCount, found: Int(pins[at]))
        }
        try checkNeighborhoods(layer: 0, bound: pinCount)
        try checkNeighborhoods(layer: 1, bound: hiddenCount)
        try checkRows(queries, of: .queries, below: targetCount)
        try checkRows(positives, of: .positives, below: targetCount)
        try checkRows(sharedNegatives, of: .sharedNegatives, below: targetCount)
        try checkRows(hardNegatives, of: .hardNegatives, below: targetCount)
        if let features { try checkFinite(features) }
    }

    private func checkCounts(_ limits: MinibatchLimits) throws(MinibatchError) {
        try check(pinCount, "pins", 1...min(Int(Int32.max), max(1, limits.pinCount)))
        try check(boardCounts.count, MinibatchArray.boardCounts.name, pinCount...pinCount)
        try check(hiddenCount, "hidden rows", 1...pinCount)
        try check(targetCount, "targets", 1...hiddenCount)
        try check(neighborhoods.count, "layers", 2...2)
        try check(neighborhoods[0].count, "layer 1 lists", hiddenCount...hiddenCount)
        try check(neighborhoods[1].count, "layer 2 lists", targetCount...targetCount)
        try check(pairCount, "queries", 1...Int(Int32.max))
        try check(positives.count, "positives", pairCount...pairCount)
        guard hardNegatives.count.isMultiple(of: pairCount) else {
            throw .count(of: "hard negatives", expected: "a multiple of \(pairCount)", found: hardNegatives.count)
        }
        try check(coSavedCount, "hard negatives that share a board", 0...hardNegatives.count)
        let width = features?.width ?? 0
        try check(width, "feature width", limits.featureWidth...limits.featureWidth)
        guard let features else { return }
        let (count, overflow) = width.multipliedReportingOverflow(by: pinCount)
        guard !overflow, features.count == count else {
            throw .count(of: "features", expected: "\(pinCount) rows of \(width)", found: features.count)
        }
        guard features.precision == limits.featurePrecision else {
            throw .value(
                array: MinibatchArray.features.name, at: 0, expected: "\(limits.featurePrecision)",
                found: "\(features.precision)")
        }
    }

    private func checkNeighborhoods(layer: Int, bound: Int) throws(MinibatchError) {
        let lists = neighborhoods[layer]
        try checkOffsets(lists.offsets, of: .offsets(ofLayer: layer), entries: lists.neighbors.count)
        try checkRows(lists.neighbors, of: .neighbors(ofLayer: layer), below: bound)
        let weights = MinibatchArray.weights(ofLayer: layer)
        try check(lists.weights.count, weights.name, lists.neighbors.count...lists.neighbors.count)
        try checkFinite(lists.weights, of: weights)
    }
}

private func check(_ count: Int, _ name: String, _ allowed: ClosedRange<Int>) throws(MinibatchError) {
    guard !allowed.contains(count) else { return }
    let expected =
        allowed.count == 1 ? "\(allowed.lowerBound)" : "\(allowed.lowerBound) to \(allowed.upperBound)"
    throw .count(of: name, expected: expected, found: count)
}

private func checkOffsets(_ offsets: FrameArray<Int32>, of array: MinibatchArray, entries: Int) throws(MinibatchError) {
    var previous = 0
    for at in 0..<offsets.count {
        let offset = offsets[at]
        let expected = at == 0 ? 0...0 : previous...max(previous, entries)
        guard expected.contains(Int(offset)) else {
            let text = at == 0 ? "0" : "\(expected.lowerBound) to \(expected.upperBound)"
            throw .offset(array: array.name, at: at, expected: text, found: Int(offset))
        }
        previous = Int(offset)
    }
    guard previous == entries else {
        throw .offset(array: array.name, at: offsets.count - 1, expected: "\(entries)", found: previous)
    }
}

private func checkRows(_ rows: FrameArray<Int32>, of array: MinibatchArray, below bound: Int) throws(MinibatchError) {
    let limit = UInt32(bound)  // at most Int32.max, and a negative row is above that as a bit pattern
    guard let at = unsafe rows.elements.firstIndex(where: { UInt32(bitPattern: $0) >= limit }) else { return }
    throw .indexOutOfRange(array: array.name, at: at, bound: bound, found: Int(rows[at]))
}

private func checkFinite(_ features: InlineFeatures) throws(MinibatchError) {
    switch features.precision {
    case .float32: try checkFinite(features.values, of: .features)
    case .float16:
        let halves = FrameArray<UInt16>(frame: features.frame)
        guard let at = unsafe halves.elements.firstIndex(where: { $0 & 0x7C00 == 0x7C00 }) else { return }
        throw .value(
            array: MinibatchArray.features.name, at: at, expected: "a finite number",
            found: halves[at] & 0x3FF == 0 ? "inf" : "nan")
    }
}

private func checkFinite(_ values: FrameArray<Float>, of array: MinibatchArray) throws(MinibatchError) {
    guard let at = unsafe values.elements.firstIndex(where: { !$0.isFinite }) else { return }
    throw .value(array: array.name, at: at, expected: "a finite number", found: "\(values[at])")
}
