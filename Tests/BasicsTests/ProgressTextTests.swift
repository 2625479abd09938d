import Basics
import Synchronization
import Testing

@Suite struct ProgressTextTests {
    @Test("share, count, rate and time left, as far as they are known")
    func text() {
        let clock = Mutex(100.0)
        func phase(_ total: Int?) -> ProgressText {
            ProgressText("reading edges", total: total, unit: "edges") { clock.withLock(\.self) }
        }
        let (known, unknown) = (phase(1000), phase(nil))
        clock.withLock { $0 = 100.1 }
        #expect(known.text(500) == "reading edges, [##########----------] 50 %, 500 edges")
        clock.withLock { $0 = 110 }
        #expect(
            known.text(250, count: 12_345_678)
                == "reading edges, [#####---------------] 25 %, 12.3 M edges, 1.23 M edges/s, 30 s left")
        #expect(known.text(1000) == "reading edges, [####################] 100 %, 1.0 K edges, 100 edges/s, 0 s left")
        #expect(unknown.text(4_000_000_000) == "reading edges, 4.0 G edges, 400 M edges/s")
        clock.withLock { $0 = 1100 }
        #expect(
            known.text(500, count: 1) == "reading edges, [##########----------] 50 %, 1 edges, 0 edges/s, 16 min left")
    }
}
