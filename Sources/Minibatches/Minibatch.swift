import Basics

/// Two-layer training input: what samplers make and the trainer eats.
///
/// Every distinct pin appears once. Rows are numbered so that each layer's rows are a prefix:
///
///     rows 0 ..< targetCount          the targets: distinct queries, positives and negatives (output of layer 2)
///     rows 0 ..< hiddenCount          targets and their neighbours (output of layer 1)
///     rows 0 ..< pinCount             those and their neighbours (input of layer 1)
///
/// `neighborhoods[0]` has a list for each of the `hiddenCount` rows of layer 1, with entries below `pinCount`;
/// `neighborhoods[1]` has a list for each of the `targetCount` rows of layer 2, with entries below `hiddenCount`.
///
/// Pin ids in the graph are `UInt32`, local rows are `Int32`: the compiler keeps them apart.
public struct Minibatch: Sendable {
    /// Position of the batch in training, from 0.
    public var batchIndex: UInt64
    /// What the batch was made from: graph, seed and every setting that decides its content.
    public var recipe: UInt64
    public var targetCount: Int
    public var hiddenCount: Int
    /// Graph ids, one per row.
    public var pins: FrameArray<UInt32>
    /// Boards of each pin in the graph, one per row.
    public var boardCounts: FrameArray<UInt32>
    /// Neighbour lists of layer 1 and of layer 2.
    public var neighborhoods: [NeighborhoodRows]
    /// Row of each pair's query; entries below `targetCount`.
    public var queries: FrameArray<Int32>
    /// Row of each pair's positive; as long as `queries`.
    public var positives: FrameArray<Int32>
    /// Rows of the negatives that all pairs share.
    public var sharedNegatives: FrameArray<Int32>
    /// Rows of each pair's own negatives: `hardNegativesPerPair` for the first pair, then the second, …
    public var hardNegatives: FrameArray<Int32>
    /// Fingerprint of the table that the hard negatives are from; 0: from none.
    public var table: UInt64
    /// How many of the hard negatives share a board with their query.
    public var coSavedCount: Int
    /// Content features of every row where they travel in the batch.
    public var features: InlineFeatures?
    /// The frames of a message that the arrays lie in, the header's first, where the batch was made in such memory.
    package var message: [Frame] = []

    public var pinCount: Int { pins.count }
    public var pairCount: Int { queries.count }
    public var hardNegativesPerPair: Int { pairCount == 0 ? 0 : hardNegatives.count / pairCount }

    public init(
        batchIndex: UInt64, recipe: UInt64, targetCount: Int, hiddenCount: Int, pins: FrameArray<UInt32>,
        boardCounts: FrameArray<UInt32>, neighborhoods: [NeighborhoodRows], queries: FrameArray<Int32>,
        positives: FrameArray<Int32>, sharedNegatives: FrameArray<Int32>, hardNegatives: FrameArray<Int32>,
        features: InlineFeatures? = nil, table: UInt64 = 0, coSavedCount: Int = 0
    ) {
        self.table = table
        self.coSavedCount = coSavedCount
        self.batchIndex = batchIndex
        self.recipe = recipe
        self.targetCount = targetCount
        self.hiddenCount = hiddenCount
        self.pins = pins
        self.boardCounts = boardCounts
        self.neighborhoods = neighborhoods
        self.queries = queries
        self.positives = positives
        self.sharedNegatives = sharedNegatives
        self.hardNegatives = hardNegatives
        self.features = features
    }
}

/// Neighbour lists in compressed rows: list `r` is `neighbors[offsets[r] ..< offsets[r + 1]]`.
public struct NeighborhoodRows: Sendable {
    /// As many as there are lists, plus one; starts at 0, never falls.
    public var offsets: FrameArray<Int32>
    /// Local rows.
    public var neighbors: FrameArray<Int32>
    /// Importance weights; a list that is not empty sums to 1.
    public var weights: FrameArray<Float>

    public var count: Int { offsets.count - 1 }

    public init(offsets: FrameArray<Int32>, neighbors: FrameArray<Int32>, weights: FrameArray<Float>) {
        self.offsets = offsets
        self.neighbors = neighbors
        self.weights = weights
    }
}
