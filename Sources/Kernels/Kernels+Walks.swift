extension Kernels {
    /// What random walks draw for a step: `highs[i] << 32 | lows[i] = m(bases[i] + first)`, and
    /// `returns[i] = m(bases[i] + second) < threshold`, as all bits or none, where m is SplitMix64's finaliser.
    ///
    /// Whole numbers: every instruction set gives the same.
    /// - Parameters:
    ///   - bases: (count). None of the outputs overlaps it or another.
    ///   - highs, lows, returns: (count), overwritten.
    /// - Source: Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    public func walkDraws(
        bases: UnsafePointer<UInt64>, count: Int, first: UInt64, second: UInt64, threshold: UInt64,
        highs: UnsafeMutablePointer<UInt32>, lows: UnsafeMutablePointer<UInt32>, returns: UnsafeMutablePointer<UInt32>
    ) {
        require(count >= 0, "walkDraws: \(count) walks")
        unsafe loops.walkDraws(bases, count, first, second, threshold, highs, lows, returns)
    }
}
