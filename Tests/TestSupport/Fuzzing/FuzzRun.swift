import Basics
import Foundation

/// What a reader did with many hostile inputs.
public struct FuzzTally: Sendable {
    public let reader: String
    public let seed: UInt64
    public var inputs = 0
    public var errors = 0
    public var accepted = 0
    public var seconds = 0.0
    /// The longest that one input took.
    public var secondsMax = 0.0
    /// Most memory that the process held, and by how much that grew after the samples had been read.
    public var peakMebibytes = 0
    public var grownMebibytes = 0

    public static let columns = "reader\tseed\tinputs\terrors\taccepted\tseconds\tslowest_ms\tpeak_mib\tgrown_mib"
    public var line: String {
        let milliseconds = Int((secondsMax * 1000).rounded(.up))
        return "\(reader)\t\(seed)\t\(inputs)\t\(errors)\t\(accepted)\t\(Int(seconds.rounded()))\t\(milliseconds)\t"
            + "\(peakMebibytes)\t\(grownMebibytes)"
    }
}

/// How much is asked of a reader.
public struct FuzzPlan: Sendable {
    public let seed: UInt64
    public let rounds: Int
    public let firstRound: UInt64
    let hasOwnProcess: Bool
    /// Most that the process may grow, whatever the inputs claim. A sanitizer keeps what was freed for a while.
    let grownMebibytesMax = isSanitized ? 512 : 64
    /// Address space for what is asked for but not touched; nil under a sanitizer, which reserves terabytes.
    let addressMebibytesMax: Int? = isSanitized ? nil : 1024

    private static let isSanitized = dlsym(nil, "__asan_init") != nil || dlsym(nil, "__tsan_init") != nil

    /// - Parameter hasOwnProcess: whether signals, time and memory may be watched.
    public init(seed: UInt64, rounds: Int, firstRound: UInt64 = 0, hasOwnProcess: Bool = true) {
        self.hasOwnProcess = hasOwnProcess
        self.seed = seed
        self.rounds = rounds
        self.firstRound = firstRound
    }
}

extension FuzzReader {
    /// Reads `plan.rounds` hostile inputs, each a function of seed and round.
    ///
    /// A trap, a sanitizer's abort or an input that takes longer than 30 s ends the process with a line that names
    /// reader, seed and round.
    /// - Throws: `FuzzFinding` naming reader, seed and round.
    public func run(_ plan: FuzzPlan) throws(FuzzFinding) -> FuzzTally {
        var tally = FuzzTally(reader: name, seed: plan.seed)
        if plan.hasOwnProcess { FuzzWatch.begin(reader: name, seed: plan.seed) }
        defer { if plan.hasOwnProcess { FuzzWatch.end() } }
        for parts in samples {
            guard case .accepted = try check(parts) else { throw FuzzFinding("fuzz: \(name): refuses a sample") }
        }
        if plan.hasOwnProcess, let extra = plan.addressMebibytesMax {
            FuzzWatch.limitAddressSpace(extraMebibytes: extra)
        }
        let before = FuzzWatch.peakMebibytes
        let start = ContinuousClock.now
        var last = start
        for round in plan.firstRound..<(plan.firstRound + UInt64(plan.rounds)) {
            if plan.hasOwnProcess { FuzzWatch.enter(round: round) }
            var mutator = FuzzMutator(self, seed: plan.seed, round: round)
            let (parts, isSample) = mutator.next(self)
            do throws(FuzzFinding) {
                switch try check(parts) {
                case .accepted: tally.accepted += 1
                case .refused:
                    tally.errors += 1
                    if isSample { throw FuzzFinding("refuses a sample") }
                }
            } catch {
                throw FuzzFinding("fuzz: \(name): seed \(plan.seed) round \(round): \(error)")
            }
            let now = ContinuousClock.now
            tally.secondsMax = max(tally.secondsMax, Self.seconds(now - last))
            last = now
        }
        tally.inputs = plan.rounds
        tally.seconds = Self.seconds(last - start)
        tally.peakMebibytes = FuzzWatch.peakMebibytes
        tally.grownMebibytes = tally.peakMebibytes - before
        guard !plan.hasOwnProcess || tally.grownMebibytes <= plan.grownMebibytesMax else {
            throw FuzzFinding("fuzz: \(name): seed \(plan.seed): memory grew too much: \(tally.line)")
        }
        return tally
    }

    private static func seconds(_ duration: Duration) -> Double { duration / .seconds(1) }
}

/// Says which input was being read when the process ends by a signal.
enum FuzzWatch {
    nonisolated(unsafe) private static var round: UInt64 = 0
    nonisolated(unsafe) private static var prefix: UnsafeMutableBufferPointer<UInt8>?
    private static let secondsMax: UInt32 = 30
    private static let signals = [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGALRM]

    static func begin(reader: String, seed: UInt64) {
        let text = Array("fuzz: \(reader): seed \(seed) round ".utf8)
        let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.count)
        _ = buffer.initialize(from: text)
        prefix = buffer
        for number in signals { signal(number) { FuzzWatch.report($0) } }
    }

    static func enter(round: UInt64) {
        self.round = round
        alarm(secondsMax)
    }

    static func end() {
        alarm(0)
        for number in signals { signal(number, SIG_DFL) }
        prefix?.deallocate()
        prefix = nil
    }

    /// In a signal handler: nothing may be allocated.
    private static func report(_ number: Int32) {
        guard let prefix else { return }
        write(2, prefix.baseAddress, prefix.count)
        writeDecimal(round)
        let what: StaticString = number == SIGALRM ? ": no end after 30 s, signal " : ": ended by signal "
        write(2, what.utf8Start, what.utf8CodeUnitCount)
        writeDecimal(UInt64(number))
        write(2, "\n", 1)
        signal(number, SIG_DFL)
        raise(number)
    }

    private static func writeDecimal(_ value: UInt64) {
        var divisor: UInt64 = 1
        while value / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            var digit = UInt8(48 + value / divisor % 10)
            write(2, &digit, 1)
            divisor /= 10
        }
    }

    static var peakMebibytes: Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss / 1024
    }

    /// From now on an allocation that takes the process further than this fails, and with it the process.
    static func limitAddressSpace(extraMebibytes: Int) {
        let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ").first
        guard let pages = pages.flatMap({ UInt($0) }) else { preconditionFailure("FuzzWatch: no /proc/self/statm") }
        let limit = rlim_t(pages) * 4096 + rlim_t(extraMebibytes) << 20
        var limits = rlimit(rlim_cur: limit, rlim_max: rlim_t.max)
        getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limits)
        limits.rlim_cur = limit
        setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limits)
    }
}
