/// Pairs (q, p) against negatives n, with where the gradients of a loss of their scores go.
///
/// The rows are gathered ones, densely or with any stride. A negative whose id equals its query's or its positive's is
/// skipped.
@safe public struct PairProblem: @unchecked Sendable {
    /// Queries, B × d, and their ids.
    public var queries: Matrix
    public var queryIDs: UnsafePointer<Int32>
    /// Positives, B × d, and their ids.
    public var positives: Matrix
    public var positiveIDs: UnsafePointer<Int32>
    /// Shared negatives: S × d. Own negatives: (B · H) × d, row b · H + h is the h-th of pair b.
    public var negatives: Matrix
    public var negativeIDs: UnsafePointer<Int32>
    /// Where the gradients go; shapes as above. They overlap nothing else.
    public var dQueries: Matrix
    public var dPositives: Matrix
    public var dNegatives: Matrix

    public init(
        queries: Matrix, queryIDs: UnsafePointer<Int32>, positives: Matrix, positiveIDs: UnsafePointer<Int32>,
        negatives: Matrix, negativeIDs: UnsafePointer<Int32>, dQueries: Matrix, dPositives: Matrix, dNegatives: Matrix
    ) {
        self.queries = queries
        unsafe self.queryIDs = unsafe queryIDs
        self.positives = positives
        unsafe self.positiveIDs = unsafe positiveIDs
        self.negatives = negatives
        unsafe self.negativeIDs = unsafe negativeIDs
        self.dQueries = dQueries
        self.dPositives = dPositives
        self.dNegatives = dNegatives
    }

    /// H: negatives of each pair where they are its own.
    var negativesPerPair: Int { queries.rows == 0 ? 0 : negatives.rows / queries.rows }
}

/// A softmax over each pair's candidates: its positive, the shared negatives, and its own ones.
///
/// Candidate c of query q has the logit `q·c / temperature + offset of c`.
@safe public struct SoftmaxProblem: @unchecked Sendable {
    /// The pairs and the shared negatives.
    public var shared: PairProblem
    /// The same pairs with their own negatives; those may be none.
    public var own: PairProblem
    public var temperature: Float
    /// Offsets of the positives, of the shared negatives and of the own ones, as many as there are.
    public var positiveOffsets: UnsafePointer<Float>
    public var sharedOffsets: UnsafePointer<Float>
    public var ownOffsets: UnsafePointer<Float>

    public init(
        shared: PairProblem, own: PairProblem, temperature: Float, positiveOffsets: UnsafePointer<Float>,
        sharedOffsets: UnsafePointer<Float>, ownOffsets: UnsafePointer<Float>
    ) {
        self.shared = shared
        self.own = own
        self.temperature = temperature
        unsafe self.positiveOffsets = unsafe positiveOffsets
        unsafe self.sharedOffsets = unsafe sharedOffsets
        unsafe self.ownOffsets = unsafe ownOffsets
    }
}

/// What a hinge loss came to.
public struct HingeResult: Equatable, Sendable {
    /// Mean over the counted (pair, negative); 0 when there are none.
    public var loss: Double
    /// (pair, negative) with a loss above 0.
    public var active: Int
    /// (pair, negative) that were not skipped.
    public var counted: Int

    public init(loss: Double, active: Int, counted: Int) {
        self.loss = loss
        self.active = active
        self.counted = counted
    }
}

/// What a softmax loss came to.
public struct SoftmaxResult: Equatable, Sendable {
    /// Mean over the pairs; 0 when there are none.
    public var loss: Double
    /// Probability that a pair's negatives get together, in the mean over the pairs; 0 when there are none.
    public var negativeShare: Double

    public init(loss: Double, negativeShare: Double) {
        self.loss = loss
        self.negativeShare = negativeShare
    }
}

/// What the pairs of one segment came to, or of several.
struct LossSums: BitwiseCopyable {
    var loss = 0.0
    /// Of the hinge: active (pair, negative). Of the softmax: the negatives' probabilities.
    var active = 0.0
    /// What the mean is over: (pair, negative) or pairs.
    var counted = 0

    mutating func add(_ other: LossSums) {
        loss += other.loss
        active += other.active
        counted += other.counted
    }

    /// Each counted one's part in the mean.
    var share: Float { counted == 0 ? 0 : 1 / Float(counted) }

    var meanLoss: Double { counted == 0 ? 0 : loss / Double(counted) }
}
