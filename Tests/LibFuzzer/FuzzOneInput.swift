import Foundation
import FuzzReaders
import TestSupport

/// The reader that FUZZ_READER names.
private let reader: FuzzReader = {
    do {
        return try FuzzReaders.make(ProcessInfo.processInfo.environment["FUZZ_READER"] ?? "none")
    } catch {
        preconditionFailure("\(error)")
    }
}()

/// What libFuzzer calls for each input: as it is, and with lengths and checksums made right.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
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
