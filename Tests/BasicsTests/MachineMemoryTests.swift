import Basics
import Foundation
import Testing

@Suite("The machine's memory")
struct MachineMemoryTests {
    @Test("a control group's limit is a number of bytes; without one, or without a file, there is none")
    func limits() {
        #expect(MachineMemory.bytes(ofLimit: "8589934592\n") == 8 << 30)
        for text in ["max\n", "", "-1\n", "0\n", "8G", nil] { #expect(MachineMemory.bytes(ofLimit: text) == nil) }
    }

    @Test("it is no more than the machine has")
    func machine() {
        #expect(MachineMemory.byteCount > 0)
        #expect(MachineMemory.byteCount <= Int(clamping: ProcessInfo.processInfo.physicalMemory))
    }
}
