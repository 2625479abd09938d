import Foundation

/// How much of this process's memory lies in pages of 2 MB: random reads of small pages are far slower.
enum HugePages {
    /// Share of the touched pages of a mapped file.
    static func share(ofFile path: String) -> Double {
        let name = URL(fileURLWithPath: path).lastPathComponent
        var (isWanted, resident, huge) = (false, 0.0, 0.0)
        for line in lines("/proc/self/smaps") {
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            guard words.count > 1 else { continue }
            // A map's first line has its addresses; those after it are `Key: N kB`.
            if !words[0].hasSuffix(":") { isWanted = line.hasSuffix("/" + name) }
            guard isWanted, let kilobytes = Double(words[1]) else { continue }
            if words[0] == "Rss:" { resident += kilobytes }
            if words[0] == "FilePmdMapped:" { huge += kilobytes }
        }
        return resident > 0 ? huge / resident : 0
    }

    /// Bytes of memory that belongs to no file.
    static func anonymousBytes() -> Double {
        lines("/proc/self/smaps_rollup").reduce(0) { sum, line in
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            return words.first == "AnonHugePages:" ? sum + 1024 * (Double(words[1]) ?? 0) : sum
        }
    }

    private static func lines(_ path: String) -> [Substring] {
        ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n")
    }
}
