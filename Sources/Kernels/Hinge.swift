/// A max-margin problem: pairs (q, p) against negatives n, loss `max(0, q·n − q·p + margin)`.
///
/// The rows are gathered ones, densely or with any stride. A negative whose id equals its query's or
/// its positive's is skipped. The gradients are those of the mean over all that are not skipped; where
/// the hinge's argument is exactly 0 its derivative is 0.
@safe public struct HingeProblem: @unchecked Sendable {
    /// Queries, B × d, and their ids.
    public var queries: Matrix
    public var queryIDs: UnsafePointer<Int32>
    /// Positives, B × d, and their ids.
    public var positives: Matrix
    public var positiveIDs: UnsafePointer<Int32>
    /// Shared negatives: S × d. Own negatives: (B · H) × d, row b · H + h is the h-th of pair b.
    public var negatives: Matrix
    public var negativeIDs: UnsafePointer<Int32>
    public var margin: Float
    /// Where the gradients go; shapes as above. They overlap nothing else.
    public var dQueries: Matrix
    public var dPositives: Matrix
    public var dNegatives: Matrix

    public init(
        queries: Matrix, queryIDs: UnsafePointer<Int32>, positives: Matrix, positiveIDs: UnsafePointer<Int32>,
        negatives: Matrix, negativeIDs: UnsafePointer<Int32>, margin: Float,
        dQueries: Matrix, dPositives: Matrix, dNegatives: Matrix
    ) {
        self.queries = queries
        unsafe self.queryIDs = unsafe queryIDs
        self.positives = positives
        unsafe self.positiveIDs = unsafe positiveIDs
        self.negatives = negatives
        unsafe self.negativeIDs = unsafe negativeIDs
        self.margin = margin
        self.dQueries = dQueries
        self.dPositives = dPositives
        self.dNegatives = dNegatives
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

/// What the pairs of one segment came to, or of several.
struct HingeSums: BitwiseCopyable {
    var loss = 0.0
    var active = 0
    var counted = 0

    mutating func add(_ other: HingeSums) {
        loss += other.loss
        active += other.active
        counted += other.counted
    }

    /// Each counted (pair, negative)'s part in the mean.
    var share: Float { counted == 0 ? 0 : 1 / Float(counted) }

    var result: HingeResult {
        HingeResult(loss: counted == 0 ? 0 : loss / Double(counted), active: active, counted: counted)
    }
}
