//! Check digits: what tells a number of a kind from any other number.

fn digits(text: &str) -> Vec<u32> {
    text.chars().filter_map(|c| c.to_digit(10)).collect()
}

/// Payment cards: ISO/IEC 7812-1, and a prefix some network issues.
pub(super) fn is_card(text: &str) -> bool {
    let digits = digits(text);
    let lengths: &[usize] = match (digits.first(), digits.get(1)) {
        (Some(4), _) => &[13, 16, 19],
        (Some(5), Some(1..=5)) | (Some(2), Some(2..=7)) => &[16],
        (Some(3), Some(0 | 4 | 6 | 7 | 8)) => &[14, 15, 16],
        (Some(6), _) => &[16, 17, 18, 19],
        _ => &[],
    };
    lengths.contains(&digits.len()) && luhn(&digits)
}

fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| match (index % 2, digit * 2) {
            (0, _) => *digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != 0)
}

/// ISO 13616: letters count from 10, the first four characters last, modulo 97 leaves 1.
pub(super) fn is_iban(text: &str) -> bool {
    let plain: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    if !(15..=34).contains(&plain.len()) {
        return false;
    }
    let rotated = plain.iter().skip(4).chain(plain.iter().take(4));
    let mut rest: u32 = 0;
    for c in rotated {
        let Some(value) = c.to_digit(36) else {
            return false;
        };
        rest = if value > 9 {
            rest * 100 + value
        } else {
            rest * 10 + value
        } % 97;
    }
    rest == 1
}

/// Numbers that were never issued look like social security numbers too.
pub(super) fn is_ssn(text: &str) -> bool {
    let mut parts = text.split(['-', ' ']);
    let (area, group, serial) = (parts.next(), parts.next(), parts.next());
    let (Some(area), Some(group), Some(serial)) = (area, group, serial) else {
        return false;
    };
    !matches!(area, "000" | "666") && !area.starts_with('9') && group != "00" && serial != "0000"
}

/// Spain: the letter is the number modulo 23.
pub(super) fn is_dni(text: &str) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let plain = plain.to_ascii_uppercase();
    let Some(letter) = plain.bytes().last() else {
        return false;
    };
    let number = plain.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number = number
        .replacen('X', "0", 1)
        .replacen('Y', "1", 1)
        .replacen('Z', "2", 1);
    number
        .parse::<usize>()
        .is_ok_and(|number| LETTERS.get(number % 23) == Some(&letter))
}

/// Brazil: two weighted check digits.
pub(super) fn is_cpf(text: &str) -> bool {
    let digits = digits(text);
    let check = |length: u32| {
        let weighted = digits.iter().zip((2..=length + 1).rev());
        let sum: u32 = weighted.map(|(digit, weight)| digit * weight).sum();
        sum * 10 % 11 % 10
    };
    digits.len() == 11
        && digits.iter().any(|digit| Some(digit) != digits.first())
        && digits.get(9) == Some(&check(9))
        && digits.get(10) == Some(&check(10))
}

/// Germany's tax id: ISO 7064 MOD 11,10.
pub(super) fn is_steuer_id(text: &str) -> bool {
    let digits = digits(text);
    let (Some(last), true) = (digits.last(), digits.len() == 11) else {
        return false;
    };
    let mut product = 10;
    for digit in digits.iter().take(10) {
        let sum = match (digit + product) % 10 {
            0 => 10,
            sum => sum,
        };
        product = sum * 2 % 11;
    }
    *last == (11 - product) % 10 && digits.first() != Some(&0)
}

/// France's social security number: what the first 13 digits leave of 97.
pub(super) fn is_nir(text: &str) -> bool {
    let plain: String = text.chars().filter(char::is_ascii_digit).collect();
    let (Some(number), Some(key)) = (plain.get(..13), plain.get(13..)) else {
        return false;
    };
    match (number.parse::<u64>(), key.parse::<u64>()) {
        (Ok(number), Ok(key)) => key == 97 - number % 97,
        _ => false,
    }
}

/// India's Aadhaar: Verhoeff's scheme.
pub(super) fn is_aadhaar(text: &str) -> bool {
    const MULTIPLY: [[usize; 10]; 10] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ];
    const PERMUTE: [[usize; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    let digits = digits(text);
    let mut check = 0;
    for (index, digit) in digits.iter().rev().enumerate() {
        let digit = usize::try_from(*digit).unwrap_or_default();
        let permuted = PERMUTE.get(index % 8).and_then(|row| row.get(digit));
        let next = permuted.and_then(|at| MULTIPLY.get(check)?.get(*at));
        check = next.copied().unwrap_or(1);
    }
    digits.len() == 12 && check == 0 && digits.first().is_some_and(|first| *first > 1)
}

/// Each part fits a byte, and it is an address of somebody: not this machine, not a private network.
pub(super) fn is_public_ip(text: &str) -> bool {
    text.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| {
        let documentation = ip.is_documentation() || ip.is_unspecified() || ip.is_broadcast();
        let [first, ..] = ip.octets();
        !(ip.is_loopback() || ip.is_private() || ip.is_link_local() || documentation || first < 2)
    })
}
