import Configuration
import GraphStore
import Minibatches
import Sampling

/// What a batch says, to be compared.
struct BatchContents: Equatable {
    var batchIndex: UInt64
    var recipe: UInt64
    var targetCount: Int
    var hiddenCount: Int
    var pins: [UInt32]
    var boardCounts: [UInt32]
    /// By layer and row: neighbours' rows and weights.
    var lists: [[[Neighbor]]]
    var queries: [Int32]
    var positives: [Int32]
    var sharedNegatives: [Int32]
    var hardNegatives: [Int32]
    var coSavedCount: Int
    var table: UInt64
    var features: [Float]

    struct Neighbor: Equatable {
        var row: Int32
        var weight: Float
    }
}

extension BatchContents {
    init(_ batch: Minibatch) {
        batchIndex = batch.batchIndex
        recipe = batch.recipe
        targetCount = batch.targetCount
        hiddenCount = batch.hiddenCount
        pins = batch.pins.array
        boardCounts = batch.boardCounts.array
        lists = batch.neighborhoods.map { layer in
            let (offsets, rows, weights) = (layer.offsets.array, layer.neighbors.array, layer.weights.array)
            return (0..<layer.count).map { list in
                (Int(offsets[list])..<Int(offsets[list + 1])).map { Neighbor(row: rows[$0], weight: weights[$0]) }
            }
        }
        queries = batch.queries.array
        positives = batch.positives.array
        sharedNegatives = batch.sharedNegatives.array
        hardNegatives = batch.hardNegatives.array
        coSavedCount = batch.coSavedCount
        table = batch.table
        features = batch.features?.values.array ?? []
    }
}

/// A batch by the definition: dictionaries, one walk at a time. The oracle of `MinibatchAssembler`.
func plainBatch(
    _ graph: BipartiteGraph, _ settings: PipelineSettings, recipe: UInt64, batchIndex: UInt64,
    hardTable: HardNegativeTable? = nil
) throws -> BatchContents {
    let pairs = try PairSampler(
        graph: graph, boards: settings.batch.boards, seed: settings.seed,
        validation: HiddenBoards.validation(settings).validation)
    let negatives = NegativeSampler(pinCount: graph.pinCount, seed: settings.seed)
    let walk = RandomWalk(graph: graph, walks: settings.walks, seed: settings.seed)
    let window = batchIndex / UInt64(settings.batch.refreshBatches)
    let unseen = BoardHiding(settings).hidden(inWindow: window)
    var pins: [UInt32] = []
    var rowOfPin: [UInt32: Int32] = [:]
    func row(_ pin: UInt32) -> Int32 {
        if let row = rowOfPin[pin] { return row }
        rowOfPin[pin] = Int32(pins.count)
        pins.append(pin)
        return Int32(pins.count - 1)
    }
    let drawn = (0..<settings.batch.pairs).map { pairs.pair($0, batchIndex: batchIndex, hiding: unseen) }
    let queries = drawn.map { row($0.query) }
    let positives = drawn.map { row($0.positive) }
    let shared = (0..<settings.batch.sharedNegatives).map { row(negatives.negative($0, batchIndex: batchIndex)) }
    let perPair = settings.hardNegatives(inEpoch: batchIndex / UInt64(settings.training.batchesPerEpoch))
    let hardPins = try drawn.enumerated().flatMap { pair, pins in
        perPair == 0
            ? []
            : HardNegativeDraw(graph: graph, settings: settings).negatives(
                perPair, from: try plainCandidates(graph, settings, of: pins.query, hardTable), query: pins.query,
                pair: pair, batchIndex: batchIndex)
    }
    let hard = hardPins.map(row)
    let heldOut = HiddenBoards.validation(settings)
    let coSaved = hardPins.enumerated().count { index, pin in
        let query = drawn[index / perPair].query
        return pin != query
            && graph.boards(of: pin).contains {
                !heldOut.hides($0) && graph.boards(of: query).contains($0)
            }
    }
    func list(_ pin: UInt32, without partners: Set<UInt32> = []) -> [BatchContents.Neighbor] {
        let kept = walk.neighborhood(of: pin, window: window, hiding: unseen).filter { !partners.contains($0.pin) }
        let total = kept.reduce(0) { $0 + Int($1.visits) }
        return kept.map { neighbor in
            let weight =
                settings.walks.pooling == .importance
                ? Float(neighbor.visits) / Float(total) : 1 / Float(kept.count)
            return .init(row: row(neighbor.pin), weight: weight)
        }
    }
    let targets = pins
    for pin in targets { _ = list(pin) }
    let hidden = pins
    let top = targets.map { pin in
        let partners =
            drawn.filter { $0.query == pin }.map(\.positive) + drawn.filter { $0.positive == pin }.map(\.query)
        return list(pin, without: settings.batch.excludePairEdges ? Set(partners) : [])
    }
    let first = hidden.map { list($0) }
    var features: [Float] = []
    if settings.trainer.features == .inline, let table = graph.features {
        features = [Float](repeating: 0, count: pins.count * table.width)
        pins.withUnsafeBufferPointer { table.copyRows($0, into: &features, rowStride: table.width) }
    }
    return BatchContents(
        batchIndex: batchIndex, recipe: recipe, targetCount: targets.count, hiddenCount: hidden.count, pins: pins,
        boardCounts: pins.map { UInt32(graph.boards(of: $0).filter { !unseen.hides($0) }.count) }, lists: [first, top],
        queries: queries, positives: positives, sharedNegatives: shared, hardNegatives: hard, coSavedCount: coSaved,
        table: perPair == 0 ? 0 : hardTable?.name.fingerprintValue ?? 0, features: features)
}

/// A query's hard-negative candidates: of the table, or by one walk after the other.
private func plainCandidates(
    _ graph: BipartiteGraph, _ settings: PipelineSettings, of query: UInt32, _ table: HardNegativeTable?
) throws -> [UInt32] {
    if settings.hardNegatives.source == .ann { return table?.candidates(of: query) ?? [] }
    let ranks = try settings.hardNegatives.ranks.ranks(pinCount: graph.pinCount)
    let walk = RandomWalk(graph: graph, walks: WalkBands.walks(to: ranks.upperBound), seed: settings.seed)
    let ranked = walk.neighborhood(
        of: query, window: WalkBands.window, hiding: HiddenBoards.validation(settings)
    ).map(\.pin)
    let band = ranked.enumerated().filter { ranks.contains($0.offset + 1) }.map(\.element)
    return HardNegativeDraw(graph: graph, settings: settings).candidates(of: query, epoch: 0, from: band.sorted())
}
