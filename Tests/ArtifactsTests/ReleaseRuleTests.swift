import Artifacts
import Testing

@Suite struct ReleaseRuleTests {
    /// The most that a process has whose mapped files grow by one at a time, with a heap of so many.
    private func peak(_ rule: inout ReleaseRule, heap: Int) -> Int {
        var (mapped, peak) = (10, 0)
        for _ in 0..<2000 {
            mapped += 1
            peak = max(peak, heap + mapped)
            if rule.isDue(all: heap + mapped, mapped: mapped) {
                mapped = 10
                rule.kept = mapped
            }
        }
        return peak
    }

    @Test("mapped pages go before the limit, also after the heap was near it")
    func bound() {
        var rule = ReleaseRule(byteCount: 1000)
        #expect(peak(&rule, heap: 300) == 626)
        #expect(peak(&rule, heap: 900) == 900 + 10 + 63)
        #expect(peak(&rule, heap: 300) == 626)
    }

    @Test("a heap near the limit does not give pages back for ever")
    func patience() {
        var rule = ReleaseRule(byteCount: 1000)
        let releases = (0..<100).count { _ in
            let isDue = rule.isDue(all: 1200, mapped: 200)
            if isDue { rule.kept = 200 }
            return isDue
        }
        #expect(releases == 1)
    }
}
