import Foundation
import FuzzReaders
import TestSupport

// FUZZ_READER=NAME pinsage-libfuzzer [libFuzzer's options] CORPUS…

/// The reader under attack; libFuzzer calls from one thread.
nonisolated(unsafe) private let reader: FuzzReader = {
    do {
        return try FuzzReaders.make(ProcessInfo.processInfo.environment["FUZZ_READER"] ?? "none")
    } catch {
        preconditionFailure("\(error)")
    }
}()

/// What libFuzzer calls for each input: read as it is, and with lengths and checksums made right.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let parts = reader.unpacked(UnsafeBufferPointer(start: start, count: count))
    for parts in [parts, reader.reseal(parts)] {
        do {
            _ = try reader.check(parts)
        } catch {
            preconditionFailure("\(error)")
        }
    }
    return 0
}

// SwiftPM makes this file the process's main, so libFuzzer's own is called from here.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ argumentCount: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ oneInput: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

var (argumentCount, arguments) = (CommandLine.argc, CommandLine.unsafeArgv)
exit(runDriver(&argumentCount, &arguments, fuzzOneInput))
