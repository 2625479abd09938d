/// Running mean of the loss, by which checkpoints are compared: over all steps at first, then over about the last 50.
struct SmoothedLoss {
    /// Nil before the first step.
    private(set) var value: Double?

    init(value: Double? = nil) {
        self.value = value
    }

    /// - Parameter step: steps taken, this one included.
    mutating func add(_ loss: Double, step: UInt64) {
        let before = value ?? loss
        value = before + (loss - before) / Double(min(step, 50))
    }
}
