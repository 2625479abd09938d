import Basics

/// Repeated timings of one thing.
struct Samples {
    private(set) var seconds: [Double] = []

    mutating func add(_ value: Double) { seconds.append(value) }

    var median: Double { quantile(0.5) }
    var fastest: Double { quantile(0) }
    /// Half the distance between the quartiles, as a share of the median.
    var spread: Double { median > 0 ? (quantile(0.75) - quantile(0.25)) / 2 / median : 0 }

    /// By rank, between two ranks in proportion; 0 of no samples.
    private func quantile(_ q: Double) -> Double {
        let sorted = seconds.sorted()
        guard let last = sorted.indices.last else { return 0 }
        let place = q * Double(last)
        let low = Int(place)
        return sorted[low] + (place - Double(low)) * (sorted[min(low + 1, last)] - sorted[low])
    }
}

/// Seconds of one call of `body`: one call to warm the caches, then the mean of as many as take 10 ms.
func time(_ body: () -> Void) -> Double {
    body()
    var calls = 0
    let start = steadySeconds()
    var elapsed = 0.0
    while elapsed < 0.01 {
        body()
        calls += 1
        elapsed = steadySeconds() - start
    }
    return elapsed / Double(calls)
}
